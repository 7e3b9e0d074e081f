#include "svs_bench.h"
#include "svs_foundation.h"
