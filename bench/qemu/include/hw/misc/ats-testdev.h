/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ats-testdev: the registers in BAR 0, shared by the device model and by the
 * software that drives it. Needs no other header.
 *
 * The device is a PCIe function with an ATS Capability, an Address Translation
 * Cache (ATC) and a DMA engine that copies between a buffer of its own and
 * memory, by untranslated or by translated requests. A command runs to its end
 * within the write to ATS_TESTDEV_CMD; its outcome is then in
 * ATS_TESTDEV_STATUS.
 *
 * Registers are 32 bits wide, little endian, and are accessed as 32 bits. A
 * 64-bit quantity is a pair, low half first. Offsets that are not listed read
 * as zero and ignore writes. The buffer takes accesses of 1, 2, 4 and 8 bytes.
 */
#ifndef HW_MISC_ATS_TESTDEV_H
#define HW_MISC_ATS_TESTDEV_H

#define ATS_TESTDEV_DEVICE_ID   0x10f5  /* of vendor 0x1af4, by default */

#define ATS_TESTDEV_BAR_SIZE    0x10000
#define ATS_TESTDEV_BUF         0x8000  /* RW: the device's buffer */
#define ATS_TESTDEV_BUF_SIZE    0x8000

/* What and who */
#define ATS_TESTDEV_ID          0x000   /* RO: ATS_TESTDEV_ID_VALUE */
#define ATS_TESTDEV_ID_VALUE    0x41545354
#define ATS_TESTDEV_ENABLED     0x004   /* RO: E, as the device sees it */
#define ATS_TESTDEV_STU         0x008   /* RO: the STU in force, the PF's */

/* A command and its operands */
#define ATS_TESTDEV_ADDR_LO     0x010   /* RW: IOVA, or address on the wire */
#define ATS_TESTDEV_ADDR_HI     0x014
#define ATS_TESTDEV_LEN         0x018   /* RW: bytes, 1..ATS_TESTDEV_BUF_SIZE */
#define ATS_TESTDEV_CMD         0x01c   /* WO: one of the commands below */
#define ATS_TESTDEV_STATUS      0x020   /* RO: outcome of the last command */
#define ATS_TESTDEV_DONE        0x024   /* RO: bytes the last command copied */

/* The translation that the last TREQ, TREQ_NW or LOOKUP found for ADDR */
#define ATS_TESTDEV_PA_LO       0x030   /* RO: where ADDR itself goes */
#define ATS_TESTDEV_PA_HI       0x034
#define ATS_TESTDEV_PERM        0x038   /* RO: ATS_TESTDEV_PERM_* */
#define ATS_TESTDEV_PERM_R      0x1
#define ATS_TESTDEV_PERM_W      0x2
#define ATS_TESTDEV_SHIFT       0x03c   /* RO: log2 of the bytes it covers */

/* The ATC */
#define ATS_TESTDEV_ATC_SIZE    0x040   /* RO: entries there are */
#define ATS_TESTDEV_ATC_VALID   0x044   /* RO: entries that are valid */

/* Counters, from reset on */
#define ATS_TESTDEV_TREQS       0x050   /* RO: Translation Requests sent */
#define ATS_TESTDEV_INVS        0x054   /* RO: Invalidate Requests, E set */
#define ATS_TESTDEV_INVS_UR     0x058   /* RO: Invalidate Requests, E clear */
#define ATS_TESTDEV_TRANSLATED  0x05c   /* RO: translated requests, per page */

/* The last Invalidate Request, whether taken or not */
#define ATS_TESTDEV_INV_ADDR_LO 0x060   /* RO: first byte */
#define ATS_TESTDEV_INV_ADDR_HI 0x064
#define ATS_TESTDEV_INV_LAST_LO 0x068   /* RO: last byte */
#define ATS_TESTDEV_INV_LAST_HI 0x06c

/* Leaves a line in the trace (event ats_testdev_mark) */
#define ATS_TESTDEV_MARK        0x070   /* WO: any value */

/*
 * How many microseconds after an Invalidate Request it takes effect, and is
 * completed. With an IOMMU that does not wait for that, it is at once.
 */
#define ATS_TESTDEV_INV_DELAY   0x074   /* RW */
#define ATS_TESTDEV_INV_NEVER   0xffffffff

/*
 * The PASID that commands are for; all but FLUSH and _FORGED heed it. What is
 * not valid in it counts as none.
 */
#define ATS_TESTDEV_PASID       0x078   /* RW */
#define ATS_TESTDEV_PASID_VALID 0x80000000

/* That of the last Invalidate Request */
#define ATS_TESTDEV_INV_PASID   0x07c   /* RO */

/*
 * A counter that no reset clears: Invalidate Requests whose INV_DELAY had not
 * passed when E was cleared, or the function reset. So a test of such a race
 * knows that it was one. Those that are never answered are not counted.
 */
#define ATS_TESTDEV_INVS_CUT    0x080   /* RO */

enum ats_testdev_cmd {
    /* Translation Request for ADDR..ADDR+LEN-1; what is granted is cached */
    ATS_TESTDEV_CMD_TREQ = 1,
    /* the same with the No Write flag set */
    ATS_TESTDEV_CMD_TREQ_NW,
    /* see what the ATC has for ADDR */
    ATS_TESTDEV_CMD_LOOKUP,
    /* forget what the ATC holds, unasked */
    ATS_TESTDEV_CMD_FLUSH,
    /* LEN bytes, buffer to memory and memory to buffer, ADDR untranslated */
    ATS_TESTDEV_CMD_WRITE,
    ATS_TESTDEV_CMD_READ,
    /* the same with what the ATC has for ADDR; nothing is asked for */
    ATS_TESTDEV_CMD_WRITE_ATC,
    ATS_TESTDEV_CMD_READ_ATC,
    /* the same with ADDR sent as translated, as a broken device would */
    ATS_TESTDEV_CMD_WRITE_FORGED,
    ATS_TESTDEV_CMD_READ_FORGED,
};

enum ats_testdev_status {
    ATS_TESTDEV_OK,
    ATS_TESTDEV_BAD_CMD,        /* no such command, or no such range */
    ATS_TESTDEV_DISABLED,       /* E, PASID or Bus Master Enable is clear */
    ATS_TESTDEV_MISS,           /* the ATC lacks a part of the range */
    ATS_TESTDEV_DENIED,         /* no permission for a part of the range */
    ATS_TESTDEV_UR,             /* completion with Unsupported Request */
    ATS_TESTDEV_CA,             /* completion with Completer Abort */
    ATS_TESTDEV_ABORTED,        /* the memory request was terminated */
    ATS_TESTDEV_BAD_SIZE,       /* a translation smaller than the STU */
};

#endif /* HW_MISC_ATS_TESTDEV_H */
