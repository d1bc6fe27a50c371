"""Turn an OpenPCDet checkpoint and its YAML into a checkpoint of ours, same boxes.

Their config enters ``openpcdet_config.py``, where every key has a counterpart or is refused by
name; their weights enter ``openpcdet.py``. Nothing in the files is executed. Read ``openpcdet.py``
first. Runs as ``python -m training.import_checkpoint``.
"""
