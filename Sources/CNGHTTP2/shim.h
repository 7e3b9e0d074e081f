#ifndef SVS_NGHTTP2_H
#define SVS_NGHTTP2_H
#include <sys/types.h>
#include <nghttp2/nghttp2.h>
#endif
