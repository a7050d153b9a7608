/* clock.h: the clocks. Replaced at link time in the simulation. */
#ifndef SMMQ_IO_CLOCK_H
#define SMMQ_IO_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_now_ms(void);          /* CLOCK_REALTIME: wall clock, may step */
int64_t clock_now_us(void);
int64_t clock_boot_ms(void);         /* CLOCK_BOOTTIME: since boot, suspend included, never steps */
/* The kernel's boot id as text, "" if it cannot be read. With clock_boot_ms it tells a stepped clock from time that
 * passed. */
void clock_boot_id(char *buf, size_t size);     /* >= 40 bytes */
/* The host: an id derived from /etc/machine-id for this program alone (sd-id128), "" where there is none. buf >= 40. */
void clock_host_id(char *buf, size_t size);

#endif
