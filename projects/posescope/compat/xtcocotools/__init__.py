"""Stands in for xtcocotools 1.14.3, which MMPose imports, over pycocotools, where the real one cannot be had.

xtcocotools is pycocotools with changes for pose data; it has no wheel for Python 3.12 and none for numpy 2. Here
pycocotools does the work, and only what differs is written down. The results are those of the real one: the tests
compare them where it is installed.
"""
