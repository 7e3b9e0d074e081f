# Where the guest's kernel is kept; sourced by setup and vm.
if [ -n "${SVS_KERNELS:-}" ]; then cache=$SVS_KERNELS
elif [ -n "${XDG_CACHE_HOME:-}" ]; then cache=$XDG_CACHE_HOME/svs-kernels
elif [ "$(id -u)" = 0 ]; then cache=/var/cache/svs-kernels
else cache=$HOME/.cache/svs-kernels; fi
