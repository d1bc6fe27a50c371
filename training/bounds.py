"""Numbers within bounds, as the configs of training use them."""

from typing import Annotated

from pydantic import Field

Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
