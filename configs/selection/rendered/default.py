# The model that `make demo` trains, and that everything else starts from.
_base_ = 'cathm_slimres18_rendered-128x96.py'
