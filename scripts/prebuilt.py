#!/usr/bin/env python3
"""Keeps the BPF objects that travel with the sources in step with what a build makes.

    prebuilt.py check BUILD_DIR      says whether bpf/prebuilt holds the instructions of the last build; exits by it
    prebuilt.py update BUILD_DIR     copies the last build's objects there

A toolchain whose clang lacks the BPF back end builds the product from these objects.
"""
import glob, os, shutil, struct, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PREBUILT = os.path.join(ROOT, 'bpf', 'prebuilt')
EXECUTABLE = 0x4                                    # SHF_EXECINSTR


def instructions(path):
    """The code sections of an ELF object by name."""
    data = open(path, 'rb').read()
    table, = struct.unpack_from('<Q', data, 40)
    count, names = struct.unpack_from('<HH', data, 60)
    sections = [struct.unpack_from('<IIQQQQIIQQ', data, table + 64 * i) for i in range(count)]
    strings = sections[names][4]
    def name(s): return data[strings + s[0]:data.index(b'\0', strings + s[0])].decode()
    return {name(s): data[s[4]:s[4] + s[5]] for s in sections if s[2] & EXECUTABLE and s[5]}


def built(build):
    """The objects that a build left, by name: {director: path, ...}."""
    found = glob.glob(os.path.join(build, 'plugins', 'outputs', '**', 'BPFBuild', '*', '*.o'), recursive=True)
    objects = {}
    for path in found:
        name = os.path.basename(path)[:-2]
        if name == os.path.basename(os.path.dirname(path)): objects[name] = path
    if not objects: sys.exit(f'{build}: no BPF objects there; run `make build` first')
    return objects


def check(build):
    stale = []
    for name, path in sorted(built(build).items()):
        kept = os.path.join(PREBUILT, name + '.o')
        if not os.path.exists(kept): stale.append(f'{name}: not in bpf/prebuilt')
        elif instructions(kept) != instructions(path): stale.append(f'{name}: other instructions than the build makes')
        else: print(f'prebuilt {name}: the same instructions, {sum(map(len, instructions(path).values())) // 8} of them')
    if stale: sys.exit('\n'.join(stale) + '\nrun `make prebuilt` and commit bpf/prebuilt')


def update(build):
    os.makedirs(PREBUILT, exist_ok=True)
    for name, path in sorted(built(build).items()):
        shutil.copyfile(path, os.path.join(PREBUILT, name + '.o'))
        print(f'bpf/prebuilt/{name}.o: {os.path.getsize(path)} bytes')


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in ('check', 'update'): sys.exit(__doc__)
    {'check': check, 'update': update}[sys.argv[1]](sys.argv[2])
