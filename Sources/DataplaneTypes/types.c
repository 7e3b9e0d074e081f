#include "svs_types.h"
#include "svs_wire.h"
