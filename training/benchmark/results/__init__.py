"""Say what a benchmark of methods found: gains over the plain student, with their spread.

Scores of finished jobs enter ``summary.py``; a CSV of all runs, Markdown and pictures leave. Read
``summary.py`` first; ``csv_table.py`` writes all files.
"""
