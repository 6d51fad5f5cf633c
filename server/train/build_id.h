/* Which build this is: the linker's digest of all that it put together, so that equal ids mean equal code. */
#pragma once

/* In hexadecimal; "unknown" when the linker left none. Any thread. */
const char *build_id(void);
