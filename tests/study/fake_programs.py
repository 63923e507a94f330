"""Programs that stand for training and testing: they take milliseconds, and what they give depends on every step.

Started as ``python -S -E fake_programs.py train|test|calibrate|measure|study …``. They import little, as a hundred of
them are started: pathlib alone would double their time.
"""

# ruff: noqa: PTH103, PTH105, PTH110, PTH119, PTH123
import json
import os
import sys
import time
import zlib


def read(path: str) -> str:
    with open(path) as file:
        return file.read()


def read_config(path: str) -> dict:
    content: dict = {}
    exec(read(path), content)
    return content


def write(path: str, text: str) -> None:
    with open(f'{path}.unfinished', 'w') as file:
        file.write(text)
    os.replace(f'{path}.unfinished', path)


def digest(*parts: object) -> str:
    return f'{zlib.crc32(" ".join(map(str, parts)).encode()):08x}'


def option(options: list[str], name: str) -> str:
    return options[options.index(name) + 1]


def train(config: str, options: list[str]) -> int:
    """Each epoch hashes the one before, so a training that lost or repeated an epoch ends elsewhere."""
    cfg, work_dir = read_config(config), option(options, '--work-dir')
    model = cfg['model']
    if model.get('broken') or model.get('fails_with_seed') == cfg['randomness']['seed']:
        print('Traceback (most recent call last):\n  …\nerror: the loss is not finite at iteration 3')
        return 2
    os.makedirs(work_dir, exist_ok=True)
    if model.get('out_dir'):
        os.makedirs(model['out_dir'])
        write(f'{model["out_dir"]}/epoch_1.pth', 'weights')
        write(f'{work_dir}/last_checkpoint', f'{model["out_dir"]}/epoch_1.pth')
        return 0
    epoch, state = 0, 'scratch'
    if cfg.get('load_from'):
        state = read(cfg['load_from'])
    if '--resume' in options:
        name = os.path.basename(read(f'{work_dir}/last_checkpoint'))
        epoch, state = int(name.removeprefix('epoch_').removesuffix('.pth')), read(f'{work_dir}/{name}')
    for number in range(epoch + 1, cfg['train_cfg']['max_epochs'] + 1):
        time.sleep(model.get('pause', 0))
        state = digest(state, cfg['randomness']['seed'], number, model['skill'])
        write(f'{work_dir}/epoch_{number}.pth', state)
        write(f'{work_dir}/last_checkpoint', f'/gone/elsewhere/epoch_{number}.pth')
    return 0


def test(config: str, checkpoint: str, options: list[str]) -> int:
    cfg, work_dir = read_config(config), option(options, '--work-dir')
    model, seed = cfg['model'], cfg['randomness']['seed']
    os.makedirs(work_dir, exist_ok=True)
    if model.get('fails_on') == os.path.basename(work_dir):
        return 1
    luck = int(digest(read(checkpoint), os.path.basename(work_dir))[:6], 16) / 16**6
    value = 0.3 + 0.1 * model['skill'] + 0.01 * luck
    metrics = {'coco/AP': value, 'coco/AP/low': value - 0.04, 'coco/AP/high': value + 0.04, 'oks/mean': value + 0.2}
    metrics |= {'diagnosis/share/good': 0.75, 'diagnosis/share/miss': 0.25, 'coco/AP (L)': None}
    source, target = f'{model["matches"]}/{model["skill"]}_{seed}.npz', f'{work_dir}/matches.npz'
    if os.path.exists(source) and not os.path.exists(target):
        os.link(source, target)
    metrics |= model.get('more_metrics', {})
    if model.get('findings'):
        found = [{'id': model['findings'], 'split': os.path.basename(work_dir)}]
        write(f'{work_dir}/findings.json', json.dumps(found))
    if '--dump' in options:
        write(option(options, '--dump'), 'predictions')
    write(f'{work_dir}/metrics.json', json.dumps(metrics))
    return 0


def calibrate(options: list[str]) -> int:
    killer = read_config(option(options, '--config'))['model'].get('killed_once')
    if killer and not os.path.exists(killer):
        write(killer, '')
        os.kill(os.getpid(), 9)
    kinds = {kind: {'slope': 0.5, 'brier': 0.1, 'ece': 0.05, 'ece_noise': None} for kind in ('persons', 'joints')}
    write(f'{option(options, "--out")}/calibration.json', json.dumps({'calibration': kinds | {'by_joint': {}}}))
    return 0


def measure(options: list[str]) -> int:
    model = read_config(options[0])['model']
    if model.get('broken'):
        print('error: the model cannot be built')
        return 2
    exact = {'input_size': [96, 128], 'parameters': int(1e6 * model['skill']), 'multiply_adds': 10**8}
    latency = [{'batch': batch, 'threads': 1, 'milliseconds': 2.5 * batch} for batch in (1, 32)]
    content = {'exact': exact, 'measured': {'latency': latency, 'inference_memory_mb': 100.0, 'host': {}}}
    write(option(options, '--out'), json.dumps(content))
    return 0


def main() -> int:
    program, *arguments = sys.argv[1:]
    if program == 'train':
        return train(arguments[0], arguments[1:])
    if program == 'test':
        return test(arguments[0], arguments[1], arguments[2:])
    if program == 'study':  # what a job script starts: leave a trace
        with open(os.environ['STARTED'], 'a') as file:
            file.write(f'{os.environ.get("SLURM_ARRAY_TASK_ID", "")} {" ".join(arguments)}\n')
        return 0
    return {'calibrate': calibrate, 'measure': measure}[program](arguments)


if __name__ == '__main__':
    sys.exit(main())
