#include "svs_bench.h"
