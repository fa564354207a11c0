// SPDX-License-Identifier: MIT
/* safetensors_impl.h: what reading and writing safetensors share. */
#ifndef WG_IO_SAFETENSORS_IMPL_H
#define WG_IO_SAFETENSORS_IMPL_H

#include "io/io_impl.h"

enum {
    WG__ST_PREFIX = 8,             // bytes of the header's length
    WG__ST_HEADER_MAX = 100000000  // bytes of the header, by the format
};
#define WG__ST_METADATA "__metadata__"

/* The types that have a dtype here, in the order of the format's list, which is also the one in
   which tensors are written, from the last to the first. */
enum { WG__ST_TYPES = 11 };
extern const char *const wg__st_type_name[WG__ST_TYPES];
const wg__wire *wg__st_wire(int type);

/* The parts of the file that wg_io_save_safetensors makes of an archive, handed to wg__file_write
   or its like; the name is for messages, and for that. */
typedef bool wg__write_parts(const char *name, const wg__bytes part[], int parts);
bool wg__st_write(const char *name, const wg_archive *a, wg__write_parts *write);

#endif
