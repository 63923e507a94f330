"""What ``mmcv.utils.collect_env`` prints about the compilers that built mmcv's operators: here, none."""


def get_compiler_version() -> str:
    """Return what stands for the C++ compiler in MMPose's and mmdet's environment tables."""
    return 'none (posescope stand-in on torchvision)'


def get_compiling_cuda_version() -> str:
    """Return what stands for the CUDA compiler in MMPose's and mmdet's environment tables."""
    return 'none (posescope stand-in on torchvision)'
