#include "svs_sockets.h"
