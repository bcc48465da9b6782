/*
 * PCIe test endpoint with Address Translation Services
 *
 * A PCIe function with an ATS Capability, an Address Translation Cache (ATC)
 * and a DMA engine that guest software drives one request at a time. It is
 * made for the tests of IOMMU models and of IOMMU drivers, and shows them what
 * a real device with an ATC would: that it uses what it has cached until it is
 * told not to. It can be a plain function, an SR-IOV PF or a VF.
 *
 * The registers are described in hw/misc/ats-testdev.h. Section numbers in the
 * comments are those of the PCI Express Base Specification, revision 6.0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/host-utils.h"
#include "qemu/module.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/misc/ats-testdev.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_sriov.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "migration/vmstate.h"
#include "qom/object.h"
#include "system/memory.h"
#include "trace.h"

#define TYPE_ATS_TESTDEV "ats-testdev"
OBJECT_DECLARE_SIMPLE_TYPE(ATSTestDev, ATS_TESTDEV)

#define ATS_TESTDEV_BAR             0
#define ATS_TESTDEV_MAX_ATC_SIZE    4096
#define ATS_TESTDEV_MAX_INV_DEPTH   31

/* Global Invalidate Supported (section 10.5.1.2) */
#define ATS_TESTDEV_CAP_GLOBAL_INV  (1 << 6)

/* What the attributes of a memory transaction have room for */
#define ATS_TESTDEV_MAX_PASID_WIDTH 8

/* A Memory Request does not cross a 4-KB boundary (section 2.2.7) */
#define ATS_TESTDEV_CHUNK           0x1000

/* The DVSEC for CXL devices: CXL r4.0, section 8.1.3 */
#define ATS_TESTDEV_CXL_VENDOR      0x1e98
#define ATS_TESTDEV_CXL_DVSEC_ID    0
#define ATS_TESTDEV_CXL_DVSEC_REV   3
#define ATS_TESTDEV_CXL_DVSEC_SIZE  0x3c
#define ATS_TESTDEV_CXL_CAP         0xa
#define ATS_TESTDEV_CXL_CAP_CACHE   (1 << 0)

/* STU 0: the least there is (section 10.5.1.3) */
#define ATS_TESTDEV_MIN_UNIT        (1ULL << PCI_ATS_MIN_STU)

/* Units that the longest range of a Translation Request can touch */
#define ATS_TESTDEV_MAX_UNITS (ATS_TESTDEV_BUF_SIZE / ATS_TESTDEV_MIN_UNIT + 1)

/**
 * ATSTestDevATCEntry: a translation that the ATC holds
 * @valid: whether there is one in this slot.
 * @pasid: the PASID that it was asked for with, or PCI_NO_PASID.
 * @iova: first untranslated address, a multiple of the size.
 * @pa: the translated address of @iova.
 * @mask: the size, which is a power of two, minus one.
 * @perm: what the R and W fields of the completion allow.
 */
typedef struct ATSTestDevATCEntry {
    bool valid;
    uint32_t pasid;
    hwaddr iova;
    hwaddr pa;
    hwaddr mask;
    IOMMUAccessFlags perm;
} ATSTestDevATCEntry;

/**
 * ATSTestDevInv: an Invalidate Request that is yet to take effect
 * @next: in the queue, in the order of their arrival.
 * @request: what the IOMMU knows it by.
 * @pasid: its PASID, or PCI_NO_PASID.
 * @first: first untranslated address, a multiple of the STU.
 * @last: last untranslated address.
 * @due: when that is, in microseconds of the virtual clock.
 * @cut: whether INVS_CUT has it already.
 */
typedef struct ATSTestDevInv {
    QSIMPLEQ_ENTRY(ATSTestDevInv) next;
    uint64_t request;
    uint32_t pasid;
    hwaddr first;
    hwaddr last;
    int64_t due;
    bool cut;
} ATSTestDevInv;

/**
 * ATSTestDevInbox: where Invalidate Requests with one PASID arrive, or without
 * @notifier: its opaque pointer is to the device.
 * @pasid: the PASID, or PCI_NO_PASID.
 * @registered: whether the IOMMU knows of it.
 */
typedef struct ATSTestDevInbox {
    IOMMUNotifier notifier;
    uint32_t pasid;
    bool registered;
} ATSTestDevInbox;

/**
 * ATSTestDevRegs: what the registers show; all zero after a reset
 */
typedef struct ATSTestDevRegs {
    uint64_t addr;
    uint32_t len;
    uint32_t status;
    uint32_t done;

    uint64_t pa;
    uint32_t perm;
    uint32_t shift;

    uint32_t treqs;
    uint32_t invs;
    uint32_t invs_ur;
    uint32_t translated;

    uint64_t inv_first;
    uint64_t inv_last;
    uint32_t inv_delay;
    uint32_t inv_pasid;

    uint32_t pasid;
} ATSTestDevRegs;

struct ATSTestDev {
    PCIDevice parent_obj;

    MemoryRegion bar;
    MemoryRegion regs_mr;
    MemoryRegion buf_mr;

    ATSTestDevInbox inbox;
    ATSTestDevInbox pasid_inboxes[1 << ATS_TESTDEV_MAX_PASID_WIDTH];

    ATSTestDevATCEntry *atc;
    uint32_t atc_next;

    QSIMPLEQ_HEAD(, ATSTestDevInv) invs;
    uint32_t invs_cut;  /* not lost in a reset, which may be what cut them */
    QEMUTimer *inv_timer;

    ATSTestDevRegs r;
    uint8_t buf[ATS_TESTDEV_BUF_SIZE];

    /* Properties */
    bool ats;
    bool page_aligned;
    bool ignore_inv;
    bool no_soft_reset;
    bool cxl_cache;
    bool aer;
    uint8_t inv_queue_depth;
    uint8_t pasid_width;
    uint8_t revision_id;
    uint16_t vendor_id;
    uint16_t device_id;
    uint32_t atc_size;
};

/*
 * Bus Master Enable. is_master alone will not do, as a reset clears the bit in
 * the Command Register but not what the PCI core remembers of it.
 */
static bool ats_testdev_is_master(ATSTestDev *d)
{
    PCIDevice *p = PCI_DEVICE(d);

    return p->is_master &&
           (pci_get_word(p->config + PCI_COMMAND) & PCI_COMMAND_MASTER);
}

/*
 * The Smallest Translation Unit in force. That of a VF is hardwired to zero,
 * and the value of its PF applies, whatever type of device that is (section
 * 10.5.1.3).
 */
static unsigned ats_testdev_stu(ATSTestDev *d)
{
    PCIDevice *p = PCI_DEVICE(d);

    if (!p->exp.ats_cap) {
        return 0;
    }
    if (pci_is_vf(p)) {
        p = pcie_sriov_get_pf(p);
        if (!p || !p->exp.ats_cap) {
            return 0;
        }
    }
    return PCI_ATS_CTRL_STU(pci_get_word(p->config + p->exp.ats_cap +
                                         PCI_ATS_CTRL));
}

static hwaddr ats_testdev_unit_mask(ATSTestDev *d)
{
    return (ATS_TESTDEV_MIN_UNIT << ats_testdev_stu(d)) - 1;
}

/* The Max PASID Width in force: for a VF, too, that of its PF */
static unsigned ats_testdev_pasid_width(ATSTestDev *d)
{
    PCIDevice *p = PCI_DEVICE(d);

    if (pci_is_vf(p)) {
        p = pcie_sriov_get_pf(p);
    }
    if (!p || !p->exp.pasid_cap) {
        return 0;
    }
    return MIN(extract32(pci_get_word(p->config + p->exp.pasid_cap +
                                      PCI_PASID_CAP), 8, 5),
               ATS_TESTDEV_MAX_PASID_WIDTH);
}

/* PASID as commands take it: PCI_NO_PASID if it says that there is none */
static uint32_t ats_testdev_pasid(ATSTestDev *d)
{
    return d->r.pasid & ATS_TESTDEV_PASID_VALID
           ? d->r.pasid & ~ATS_TESTDEV_PASID_VALID : PCI_NO_PASID;
}

static bool ats_testdev_pasid_ok(ATSTestDev *d)
{
    uint32_t pasid = ats_testdev_pasid(d);
    unsigned width = ats_testdev_pasid_width(d);

    return pasid == PCI_NO_PASID || (width && !(pasid >> width));
}

static bool ats_testdev_global_inv(ATSTestDev *d)
{
    PCIDevice *p = PCI_DEVICE(d);

    return pci_get_word(p->config + p->exp.ats_cap + PCI_ATS_CAP) &
           ATS_TESTDEV_CAP_GLOBAL_INV;
}

static bool ats_testdev_pasid_enabled(ATSTestDev *d)
{
    return ats_testdev_pasid(d) == PCI_NO_PASID ||
           pcie_pasid_enabled(PCI_DEVICE(d));
}

static ATSTestDevATCEntry *ats_testdev_atc_find(ATSTestDev *d, hwaddr addr)
{
    uint32_t pasid = ats_testdev_pasid(d);

    for (uint32_t i = 0; i < d->atc_size; i++) {
        ATSTestDevATCEntry *e = &d->atc[i];

        if (e->valid && e->pasid == pasid && (addr & ~e->mask) == e->iova) {
            return e;
        }
    }
    return NULL;
}

/* Drop what overlaps with @first..@last. Returns how many entries that were. */
static uint32_t ats_testdev_atc_drop(ATSTestDev *d, uint32_t pasid,
                                     hwaddr first, hwaddr last)
{
    uint32_t dropped = 0;

    for (uint32_t i = 0; i < d->atc_size; i++) {
        ATSTestDevATCEntry *e = &d->atc[i];

        if (e->valid && e->pasid == pasid && e->iova <= last &&
            (e->iova | e->mask) >= first) {
            e->valid = false;
            dropped++;
        }
    }
    return dropped;
}

/*
 * What an Invalidate Request is about (section 10.3.8): with a PASID what was
 * asked for with that one; without, what was asked for without any in that
 * range, and all that was asked for with one, wherever it is.
 */
static uint32_t ats_testdev_atc_invalidate(ATSTestDev *d, uint32_t pasid,
                                           hwaddr first, hwaddr last)
{
    uint32_t dropped = ats_testdev_atc_drop(d, pasid, first, last);

    for (uint32_t i = 0; pasid == PCI_NO_PASID && i < d->atc_size; i++) {
        ATSTestDevATCEntry *e = &d->atc[i];

        if (e->valid && e->pasid != PCI_NO_PASID) {
            e->valid = false;
            dropped++;
        }
    }
    return dropped;
}

static void ats_testdev_atc_flush(ATSTestDev *d)
{
    for (uint32_t i = 0; i < d->atc_size; i++) {
        d->atc[i].valid = false;
    }
    d->atc_next = 0;
}

/*
 * The new entry takes the place of any for the same addresses. It goes to the
 * next free slot, or else to the one whose turn it is.
 */
static void ats_testdev_atc_insert(ATSTestDev *d, hwaddr iova, hwaddr pa,
                                   hwaddr mask, IOMMUAccessFlags perm)
{
    uint32_t slot = d->atc_next, pasid = ats_testdev_pasid(d);

    ats_testdev_atc_drop(d, pasid, iova, iova | mask);
    for (uint32_t i = 0; i < d->atc_size; i++) {
        uint32_t candidate = (d->atc_next + i) % d->atc_size;

        if (!d->atc[candidate].valid) {
            slot = candidate;
            break;
        }
    }

    d->atc[slot] = (ATSTestDevATCEntry) {
        .valid = true,
        .pasid = pasid,
        .iova = iova,
        .pa = pa,
        .mask = mask,
        .perm = perm,
    };
    d->atc_next = (slot + 1) % d->atc_size;
}

static uint32_t ats_testdev_atc_count(ATSTestDev *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->atc_size; i++) {
        count += d->atc[i].valid;
    }
    return count;
}

/* The timer is for the one that is due first, wherever in the queue */
static void ats_testdev_inv_arm(ATSTestDev *d)
{
    ATSTestDevInv *inv;
    int64_t due = INT64_MAX;

    QSIMPLEQ_FOREACH(inv, &d->invs, next) {
        due = MIN(due, inv->due);
    }
    if (due == INT64_MAX) {
        timer_del(d->inv_timer);
    } else {
        timer_mod(d->inv_timer, due);
    }
}

/*
 * What is not due yet may have come before what is: completions need not be in
 * the order of the requests (section 10.3.2).
 */
static void ats_testdev_inv_due(void *opaque)
{
    ATSTestDev *d = opaque;
    int64_t now = qemu_clock_get_us(QEMU_CLOCK_VIRTUAL);
    ATSTestDevInv *inv, *tmp;

    QSIMPLEQ_FOREACH_SAFE(inv, &d->invs, next, tmp) {
        if (inv->due <= now) {
            QSIMPLEQ_REMOVE(&d->invs, inv, ATSTestDevInv, next);
            if (!d->ignore_inv) {
                ats_testdev_atc_invalidate(d, inv->pasid, inv->first,
                                           inv->last);
            }
            pci_ats_send_completion(PCI_DEVICE(d), inv->request);
            g_free(inv);
        }
    }
    ats_testdev_inv_arm(d);
}

/* One that is answered after E was cleared can be reset meanwhile */
static void ats_testdev_inv_cut(ATSTestDev *d, ATSTestDevInv *inv)
{
    if (!inv->cut) {
        inv->cut = true;
        d->invs_cut++;
    }
}

static void ats_testdev_inv_forget(ATSTestDev *d)
{
    ATSTestDevInv *inv;

    while ((inv = QSIMPLEQ_FIRST(&d->invs))) {
        QSIMPLEQ_REMOVE_HEAD(&d->invs, next);
        ats_testdev_inv_cut(d, inv);
        g_free(inv);
    }
    ats_testdev_inv_arm(d);
}

static void ats_testdev_inv_cut_all(ATSTestDev *d)
{
    ATSTestDevInv *inv;

    QSIMPLEQ_FOREACH(inv, &d->invs, next) {
        ats_testdev_inv_cut(d, inv);
    }
}

/* Returns whether it takes effect later, or never */
static bool ats_testdev_inv_defer(ATSTestDev *d, uint32_t pasid, hwaddr first,
                                  hwaddr last)
{
    uint64_t request;
    ATSTestDevInv *inv;

    if (!d->r.inv_delay) {
        return false;
    }
    request = pci_ats_defer_completion(PCI_DEVICE(d));
    if (!request) {
        return false;
    }
    if (d->r.inv_delay != ATS_TESTDEV_INV_NEVER) {
        inv = g_new0(ATSTestDevInv, 1);
        inv->request = request;
        inv->pasid = pasid;
        inv->first = first;
        inv->last = last;
        inv->due = qemu_clock_get_us(QEMU_CLOCK_VIRTUAL) + d->r.inv_delay;
        QSIMPLEQ_INSERT_TAIL(&d->invs, inv, next);
        ats_testdev_inv_arm(d);
    }
    return true;
}

/*
 * An Invalidate Request (section 10.3.1). Without INV_DELAY it is complete on
 * return: there are no requests in flight that it would have to wait for
 * (section 10.3.3).
 */
static void ats_testdev_invalidate(IOMMUNotifier *n, IOMMUTLBEntry *iotlb)
{
    ATSTestDevInbox *inbox = container_of(n, ATSTestDevInbox, notifier);
    ATSTestDev *d = n->opaque;
    PCIDevice *p = PCI_DEVICE(d);
    uint16_t bdf = pci_get_bdf(p);
    hwaddr unit_mask = ats_testdev_unit_mask(d);
    hwaddr first = iotlb->iova;
    hwaddr last = first + iotlb->addr_mask;
    bool enabled = pcie_ats_enabled(p);
    bool of_another = inbox->pasid != PCI_NO_PASID &&
                      iotlb->pasid != inbox->pasid;
    uint32_t dropped = 0;

    /* The Global Invalidate flag is for who supports it */
    if (of_another && !ats_testdev_global_inv(d)) {
        return;
    }
    if (last < first) {
        last = HWADDR_MAX;
    }

    d->r.inv_first = first;
    d->r.inv_last = last;
    d->r.inv_pasid = inbox->pasid == PCI_NO_PASID ? 0 :
                     ATS_TESTDEV_PASID_VALID | iotlb->pasid;

    /*
     * With Global Invalidate it is in several inboxes, but only one request.
     * Without E there is nothing in the ATC, but drivers count on an answer.
     */
    if (of_another) {
        /* It is counted where its PASID is */
    } else if (enabled) {
        d->r.invs++;
    } else {
        d->r.invs_ur++;
    }
    if (!ats_testdev_inv_defer(d, inbox->pasid, first & ~unit_mask,
                               last | unit_mask) && !d->ignore_inv) {
        dropped = ats_testdev_atc_invalidate(d, inbox->pasid,
                                             first & ~unit_mask,
                                             last | unit_mask);
    }
    trace_ats_testdev_inv(PCI_BUS_NUM(bdf), PCI_SLOT(bdf), PCI_FUNC(bdf),
                          first, last, enabled, dropped);
}

/* To have no IOMMU, or one without ATS, is fine: then there are no requests */
static void ats_testdev_open(ATSTestDev *d, ATSTestDevInbox *inbox,
                             uint32_t pasid)
{
    PCIDevice *p = PCI_DEVICE(d);
    uint16_t bdf = pci_get_bdf(p);
    int ret;

    if (!p->exp.ats_cap || inbox->registered) {
        return;
    }

    inbox->pasid = pasid;
    ret = pci_iommu_init_iotlb_notifier(p, &inbox->notifier,
                                        ats_testdev_invalidate, d);
    if (!ret) {
        ret = pci_iommu_register_iotlb_notifier(p, pasid, &inbox->notifier);
    }
    inbox->registered = !ret;
    trace_ats_testdev_notifier(PCI_BUS_NUM(bdf), PCI_SLOT(bdf), PCI_FUNC(bdf),
                               ret);
}

/*
 * To hear of Invalidate Requests while E is clear, too, the notifier is there
 * for as long as the function is, from its first reset on: the IOMMU can be
 * created after the function is realized, but not after that.
 */
static void ats_testdev_register_notifier(ATSTestDev *d)
{
    ats_testdev_open(d, &d->inbox, PCI_NO_PASID);
}

static void ats_testdev_close(ATSTestDev *d, ATSTestDevInbox *inbox)
{
    if (inbox->registered) {
        pci_iommu_unregister_iotlb_notifier(PCI_DEVICE(d), inbox->pasid,
                                            &inbox->notifier);
    }
    inbox->registered = false;
}

static void ats_testdev_unregister_notifiers(ATSTestDev *d)
{
    ats_testdev_close(d, &d->inbox);
    for (int i = 0; i < ARRAY_SIZE(d->pasid_inboxes); i++) {
        ats_testdev_close(d, &d->pasid_inboxes[i]);
    }
}

/* Whether ADDR and LEN make sense for a command that takes a range */
static bool ats_testdev_range_ok(ATSTestDev *d)
{
    return d->r.len >= 1 && d->r.len <= ATS_TESTDEV_BUF_SIZE &&
           d->r.addr <= UINT64_MAX - (d->r.len - 1);
}

/* Show what @mask and @perm say of ADDR, which goes to @pa */
static void ats_testdev_show(ATSTestDev *d, hwaddr pa, hwaddr mask,
                             IOMMUAccessFlags perm)
{
    d->r.pa = pa;
    d->r.perm = (perm & IOMMU_RO ? ATS_TESTDEV_PERM_R : 0) |
                (perm & IOMMU_WO ? ATS_TESTDEV_PERM_W : 0);
    d->r.shift = ctz64(~mask);
}

static void ats_testdev_show_nothing(ATSTestDev *d)
{
    d->r.pa = 0;
    d->r.perm = 0;
    d->r.shift = 0;
}

/**
 * ats_testdev_request: have ADDR..ADDR+LEN-1 translated
 * @d: the device; the range is valid
 * @no_write: the No Write flag of the request
 * @results: the translations of the completion, one after the other; with
 *           @perm of R and W alone and with the low bits of addresses clear
 *
 * The IOMMU is not told the STU, and gives what each of its pages is. With STU
 * 0 that is a translation for each unit or more, and one call does. Otherwise
 * each unit is asked for on its own, by a page in it: if that is smaller than
 * the unit, the rest of the unit does not matter.
 *
 * Returns: the number of translations, at most ATS_TESTDEV_MAX_UNITS, or else
 *  -EOPNOTSUPP   a completion with status Unsupported Request
 *  -EREMOTEIO    a completion with status Completer Abort
 *  -ENOMEM       there are more translations than units in the range
 *  -ENODEV       there is no Translation Agent
 *  -EPERM        E or Bus Master Enable is clear
 * which is what pci_ats_request_translation() returned.
 */
static ssize_t ats_testdev_request(ATSTestDev *d, bool no_write,
                                   IOMMUTLBEntry *results)
{
    hwaddr unit_mask = ats_testdev_unit_mask(d);
    hwaddr addr = d->r.addr & ~(ATS_TESTDEV_MIN_UNIT - 1);
    hwaddr last = (d->r.addr + d->r.len - 1) | unit_mask;
    bool at_once = unit_mask == ATS_TESTDEV_MIN_UNIT - 1;
    ssize_t count = 0;

    for (;;) {
        ssize_t room = at_once ? ATS_TESTDEV_MAX_UNITS - count : 1;
        size_t length = at_once ? last - addr + 1 : ATS_TESTDEV_MIN_UNIT;
        uint32_t err_count = 0;
        ssize_t ret;

        ret = pci_ats_request_translation(PCI_DEVICE(d), ats_testdev_pasid(d),
                                          false, false, addr, length, no_write,
                                          results + count, room, &err_count);
        if (ret < 0) {
            return ret;
        }
        if (ret == 0 || ret > room) {
            /* No completion is like that: a failure of the agent itself */
            return -EREMOTEIO;
        }

        /* Each starts where the one before it ends (section 10.2.4) */
        while (ret--) {
            IOMMUTLBEntry *e = &results[count++];
            hwaddr end;

            /* The U field: not to be accessed by translated requests */
            e->perm = e->perm & IOMMU_UNTRANSLATED_ONLY ? IOMMU_NONE
                                                        : e->perm & IOMMU_RW;
            if (e->perm == IOMMU_NONE) {
                /* The size is the STU at least (section 10.2.3.5) */
                e->addr_mask |= unit_mask;
            }
            e->iova = addr & ~e->addr_mask;
            e->translated_addr &= ~e->addr_mask;

            end = addr | e->addr_mask | unit_mask;
            if (end >= last) {
                return count;
            }
            addr = end + 1;
        }
    }
}

/*
 * Send a Translation Request for the units that ADDR..ADDR+LEN-1 touches, and
 * cache what its completion grants. A translation without R and W is part of a
 * successful completion, but not one that can be used or cached (section
 * 10.2.3.5).
 */
static enum ats_testdev_status ats_testdev_treq(ATSTestDev *d, bool no_write)
{
    PCIDevice *p = PCI_DEVICE(d);
    uint16_t bdf = pci_get_bdf(p);
    IOMMUTLBEntry results[ATS_TESTDEV_MAX_UNITS] = {};
    hwaddr unit_mask = ats_testdev_unit_mask(d);
    uint32_t pasid = ats_testdev_pasid(d);
    bool denied = false, bad_size = false;
    ssize_t count;

    ats_testdev_show_nothing(d);
    if (!ats_testdev_range_ok(d) || !ats_testdev_pasid_ok(d)) {
        return ATS_TESTDEV_BAD_CMD;
    }
    if (!pcie_ats_enabled(p) || !ats_testdev_pasid_enabled(d) ||
        !ats_testdev_is_master(d)) {
        return ATS_TESTDEV_DISABLED;
    }

    /* Before there is anything in the ATC that they would be about */
    if (pasid != PCI_NO_PASID) {
        ats_testdev_open(d, &d->pasid_inboxes[pasid], pasid);
    }
    d->r.treqs++;
    count = ats_testdev_request(d, no_write, results);
    if (count < 0) {
        switch (count) {
        case -EOPNOTSUPP:
        case -ENODEV:
            return ATS_TESTDEV_UR;
        case -ENOMEM:
            return ATS_TESTDEV_BAD_SIZE;
        default:
            return ATS_TESTDEV_CA;
        }
    }

    for (ssize_t i = 0; i < count; i++) {
        hwaddr iova = results[i].iova;
        hwaddr mask = results[i].addr_mask;
        hwaddr pa = results[i].translated_addr;
        IOMMUAccessFlags perm = results[i].perm;

        trace_ats_testdev_translation(PCI_BUS_NUM(bdf), PCI_SLOT(bdf),
                                      PCI_FUNC(bdf), iova, pa, mask, perm);
        if (perm == IOMMU_NONE) {
            denied = true;
        } else if (mask < unit_mask || (mask & (mask + 1))) {
            /* Malformed: the size is a power of two, and at least the STU */
            bad_size = true;
        } else {
            ats_testdev_atc_insert(d, iova, pa, mask, perm);
        }
        if ((d->r.addr & ~mask) == iova) {
            /* The translated address means nothing without permissions */
            ats_testdev_show(d, perm ? pa | (d->r.addr & mask) : 0, mask, perm);
        }
    }

    if (bad_size) {
        return ATS_TESTDEV_BAD_SIZE;
    }
    return denied ? ATS_TESTDEV_DENIED : ATS_TESTDEV_OK;
}

static enum ats_testdev_status ats_testdev_lookup(ATSTestDev *d)
{
    ATSTestDevATCEntry *e = ats_testdev_atc_find(d, d->r.addr);

    if (!e) {
        ats_testdev_show_nothing(d);
        return ATS_TESTDEV_MISS;
    }
    ats_testdev_show(d, e->pa | (d->r.addr & e->mask), e->mask, e->perm);
    return ATS_TESTDEV_OK;
}

/*
 * Send memory requests for @len bytes between @addr and offset @pos of the
 * buffer, with @at in their AT field (section 10.2.1). The buffer takes nothing
 * from a read that fails. What is translated has no PASID: the IOMMU does not
 * ask for it.
 */
static bool ats_testdev_dma(ATSTestDev *d, hwaddr addr, uint32_t pos,
                            uint32_t len, DMADirection dir, PCIAddressType at)
{
    PCIDevice *p = PCI_DEVICE(d);
    uint32_t pasid = ats_testdev_pasid(d);
    MemTxAttrs attrs = {
        .requester_id = pci_requester_id(p),
        .address_type = at,
        .pid = at == PCI_AT_UNTRANSLATED && pasid != PCI_NO_PASID ? pasid : 0,
    };
    g_autofree uint8_t *data = NULL;

    if (dir == DMA_DIRECTION_FROM_DEVICE) {
        return pci_dma_rw(p, addr, d->buf + pos, len, dir, attrs) == MEMTX_OK;
    }

    data = g_malloc0(len);
    if (pci_dma_rw(p, addr, data, len, dir, attrs) != MEMTX_OK) {
        return false;
    }
    memcpy(d->buf + pos, data, len);
    return true;
}

static enum ats_testdev_status ats_testdev_untranslated(ATSTestDev *d,
                                                        DMADirection dir)
{
    uint32_t len = d->r.len;

    /* Memory attributes cannot tell PASID 0 from none */
    if (!ats_testdev_range_ok(d) || !ats_testdev_pasid_ok(d) ||
        ats_testdev_pasid(d) == 0) {
        return ATS_TESTDEV_BAD_CMD;
    }
    if (!ats_testdev_pasid_enabled(d) || !ats_testdev_is_master(d)) {
        return ATS_TESTDEV_DISABLED;
    }
    if (!ats_testdev_dma(d, d->r.addr, 0, len, dir, PCI_AT_UNTRANSLATED)) {
        return ATS_TESTDEV_ABORTED;
    }
    d->r.done = len;
    return ATS_TESTDEV_OK;
}

/*
 * Translated requests, page by page. A broken device, which forges the
 * addresses, does not care for E either.
 */
static enum ats_testdev_status ats_testdev_translated(ATSTestDev *d,
                                                      DMADirection dir,
                                                      bool forged)
{
    IOMMUAccessFlags need = dir == DMA_DIRECTION_FROM_DEVICE ? IOMMU_WO
                                                             : IOMMU_RO;
    hwaddr addr = d->r.addr;
    uint32_t len = d->r.len;
    uint32_t pos = 0;

    if (!ats_testdev_range_ok(d) || (!forged && !ats_testdev_pasid_ok(d))) {
        return ATS_TESTDEV_BAD_CMD;
    }
    if (!ats_testdev_is_master(d) ||
        (!forged && (!pcie_ats_enabled(PCI_DEVICE(d)) ||
                     !ats_testdev_pasid_enabled(d)))) {
        return ATS_TESTDEV_DISABLED;
    }

    while (pos < len) {
        uint32_t in_page = (addr + pos) % ATS_TESTDEV_CHUNK;
        uint32_t chunk = MIN(len - pos, ATS_TESTDEV_CHUNK - in_page);
        hwaddr pa = addr + pos;

        if (!forged) {
            ATSTestDevATCEntry *e = ats_testdev_atc_find(d, addr + pos);

            if (!e) {
                return ATS_TESTDEV_MISS;
            }
            if (!(e->perm & need)) {
                return ATS_TESTDEV_DENIED;
            }
            pa = e->pa | ((addr + pos) & e->mask);
        }

        d->r.translated++;
        if (!ats_testdev_dma(d, pa, pos, chunk, dir, PCI_AT_TRANSLATED)) {
            return ATS_TESTDEV_ABORTED;
        }
        pos += chunk;
        d->r.done = pos;
    }
    return ATS_TESTDEV_OK;
}

static enum ats_testdev_status ats_testdev_run(ATSTestDev *d, uint32_t cmd)
{
    switch (cmd) {
    case ATS_TESTDEV_CMD_TREQ:
        return ats_testdev_treq(d, false);
    case ATS_TESTDEV_CMD_TREQ_NW:
        return ats_testdev_treq(d, true);
    case ATS_TESTDEV_CMD_LOOKUP:
        return ats_testdev_lookup(d);
    case ATS_TESTDEV_CMD_FLUSH:
        ats_testdev_atc_flush(d);
        return ATS_TESTDEV_OK;
    case ATS_TESTDEV_CMD_WRITE:
        return ats_testdev_untranslated(d, DMA_DIRECTION_FROM_DEVICE);
    case ATS_TESTDEV_CMD_READ:
        return ats_testdev_untranslated(d, DMA_DIRECTION_TO_DEVICE);
    case ATS_TESTDEV_CMD_WRITE_ATC:
        return ats_testdev_translated(d, DMA_DIRECTION_FROM_DEVICE, false);
    case ATS_TESTDEV_CMD_READ_ATC:
        return ats_testdev_translated(d, DMA_DIRECTION_TO_DEVICE, false);
    case ATS_TESTDEV_CMD_WRITE_FORGED:
        return ats_testdev_translated(d, DMA_DIRECTION_FROM_DEVICE, true);
    case ATS_TESTDEV_CMD_READ_FORGED:
        return ats_testdev_translated(d, DMA_DIRECTION_TO_DEVICE, true);
    default:
        return ATS_TESTDEV_BAD_CMD;
    }
}

static uint64_t ats_testdev_regs_read(void *opaque, hwaddr addr, unsigned size)
{
    ATSTestDev *d = opaque;

    switch (addr) {
    case ATS_TESTDEV_ID:
        return ATS_TESTDEV_ID_VALUE;
    case ATS_TESTDEV_ENABLED:
        return pcie_ats_enabled(PCI_DEVICE(d));
    case ATS_TESTDEV_STU:
        return ats_testdev_stu(d);
    case ATS_TESTDEV_ADDR_LO:
        return extract64(d->r.addr, 0, 32);
    case ATS_TESTDEV_ADDR_HI:
        return extract64(d->r.addr, 32, 32);
    case ATS_TESTDEV_LEN:
        return d->r.len;
    case ATS_TESTDEV_STATUS:
        return d->r.status;
    case ATS_TESTDEV_DONE:
        return d->r.done;
    case ATS_TESTDEV_PA_LO:
        return extract64(d->r.pa, 0, 32);
    case ATS_TESTDEV_PA_HI:
        return extract64(d->r.pa, 32, 32);
    case ATS_TESTDEV_PERM:
        return d->r.perm;
    case ATS_TESTDEV_SHIFT:
        return d->r.shift;
    case ATS_TESTDEV_ATC_SIZE:
        return d->atc_size;
    case ATS_TESTDEV_ATC_VALID:
        return ats_testdev_atc_count(d);
    case ATS_TESTDEV_TREQS:
        return d->r.treqs;
    case ATS_TESTDEV_INVS:
        return d->r.invs;
    case ATS_TESTDEV_INVS_UR:
        return d->r.invs_ur;
    case ATS_TESTDEV_TRANSLATED:
        return d->r.translated;
    case ATS_TESTDEV_INVS_CUT:
        return d->invs_cut;
    case ATS_TESTDEV_INV_ADDR_LO:
        return extract64(d->r.inv_first, 0, 32);
    case ATS_TESTDEV_INV_ADDR_HI:
        return extract64(d->r.inv_first, 32, 32);
    case ATS_TESTDEV_INV_LAST_LO:
        return extract64(d->r.inv_last, 0, 32);
    case ATS_TESTDEV_INV_LAST_HI:
        return extract64(d->r.inv_last, 32, 32);
    case ATS_TESTDEV_INV_DELAY:
        return d->r.inv_delay;
    case ATS_TESTDEV_PASID:
        return d->r.pasid;
    case ATS_TESTDEV_INV_PASID:
        return d->r.inv_pasid;
    default:
        return 0;
    }
}

static void ats_testdev_regs_write(void *opaque, hwaddr addr, uint64_t val,
                                   unsigned size)
{
    ATSTestDev *d = opaque;
    uint16_t bdf = pci_get_bdf(PCI_DEVICE(d));

    switch (addr) {
    case ATS_TESTDEV_ADDR_LO:
        d->r.addr = deposit64(d->r.addr, 0, 32, val);
        break;
    case ATS_TESTDEV_ADDR_HI:
        d->r.addr = deposit64(d->r.addr, 32, 32, val);
        break;
    case ATS_TESTDEV_LEN:
        d->r.len = val;
        break;
    case ATS_TESTDEV_CMD:
        d->r.done = 0;
        d->r.status = ats_testdev_run(d, val);
        trace_ats_testdev_cmd(PCI_BUS_NUM(bdf), PCI_SLOT(bdf), PCI_FUNC(bdf),
                              val, d->r.addr, d->r.len, d->r.status,
                              d->r.done);
        break;
    case ATS_TESTDEV_INV_DELAY:
        d->r.inv_delay = val;
        break;
    case ATS_TESTDEV_PASID:
        d->r.pasid = val & ATS_TESTDEV_PASID_VALID ? val : 0;
        break;
    case ATS_TESTDEV_MARK:
        trace_ats_testdev_mark(PCI_BUS_NUM(bdf), PCI_SLOT(bdf), PCI_FUNC(bdf),
                               val);
        break;
    default:
        break;
    }
}

static const MemoryRegionOps ats_testdev_regs_ops = {
    .read = ats_testdev_regs_read,
    .write = ats_testdev_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 4,
        .max_access_size = 4,
    },
};

static uint64_t ats_testdev_buf_read(void *opaque, hwaddr addr, unsigned size)
{
    ATSTestDev *d = opaque;

    return ldn_le_p(d->buf + addr, size);
}

static void ats_testdev_buf_write(void *opaque, hwaddr addr, uint64_t val,
                                  unsigned size)
{
    ATSTestDev *d = opaque;

    stn_le_p(d->buf + addr, size, val);
}

static const MemoryRegionOps ats_testdev_buf_ops = {
    .read = ats_testdev_buf_read,
    .write = ats_testdev_buf_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
    },
};

static bool ats_testdev_is_asleep(PCIDevice *p)
{
    return p->pm_cap && (pci_get_word(p->config + p->pm_cap + PCI_PM_CTRL) &
                         PCI_PM_CTRL_STATE_MASK);
}

/* VFs without power states of their own are in that of the PF (9.6.2) */
static void ats_testdev_power_vfs(PCIDevice *pf, bool on)
{
    for (int i = 0; i < pcie_sriov_num_vfs(pf); i++) {
        Object *vf = OBJECT(pcie_sriov_get_vf_at_index(pf, i));

        if (object_dynamic_cast(vf, TYPE_ATS_TESTDEV)) {
            memory_region_set_enabled(&ATS_TESTDEV(vf)->bar, on);
        }
    }
}

/*
 * SR-IOV is seen to by pci_default_write_config(), and so is that a function
 * does not decode its BARs in D3hot: no command is run there. But Invalidate
 * Requests are Messages, which are accepted (section 5.3.1.4.1).
 */
static void ats_testdev_config_write(PCIDevice *p, uint32_t addr, uint32_t val,
                                     int len)
{
    ATSTestDev *d = ATS_TESTDEV(p);
    uint16_t bdf = pci_get_bdf(p);
    bool was_enabled = pcie_ats_enabled(p);
    bool was_asleep = ats_testdev_is_asleep(p);
    bool asleep, enabled;

    pci_default_write_config(p, addr, val, len);
    if (d->aer) {
        pcie_aer_write_config(p, addr, val, len);
    }

    enabled = pcie_ats_enabled(p);
    if (enabled != was_enabled) {
        /* One of the implicit invalidation events (section 10.3.7) */
        ats_testdev_atc_flush(d);
        if (enabled) {
            ats_testdev_register_notifier(d);
        } else {
            ats_testdev_inv_cut_all(d);
        }
        trace_ats_testdev_enable(PCI_BUS_NUM(bdf), PCI_SLOT(bdf), PCI_FUNC(bdf),
                                 enabled, ats_testdev_stu(d));
    }

    asleep = ats_testdev_is_asleep(p);
    if (asleep != was_asleep) {
        ats_testdev_power_vfs(p, !asleep);
    }
    /* Back in D0, but uninitialized (section 5.3.1.4) */
    if (was_asleep && !asleep && !d->no_soft_reset) {
        pci_device_reset(p);
    }

    pcie_cap_flr_write_config(p, addr, val, len);
}

/*
 * Any reset: that of the bus, an FLR, that on the way from D3hot to D0, and the
 * one that a VF gets when VF Enable is set or cleared, which a reset of its PF
 * does as well (section 9.2.2). The PCI core resets the header, the power state
 * and the SR-IOV Capability but not the others.
 */
static void ats_testdev_reset_hold(Object *obj, ResetType type)
{
    ATSTestDev *d = ATS_TESTDEV(obj);
    PCIDevice *p = PCI_DEVICE(obj);
    uint16_t bdf = pci_get_bdf(p);

    trace_ats_testdev_reset(PCI_BUS_NUM(bdf), PCI_SLOT(bdf), PCI_FUNC(bdf));

    if (p->exp.ats_cap) {
        pci_set_word(p->config + p->exp.ats_cap + PCI_ATS_CTRL, 0);
    }
    if (p->exp.pasid_cap) {
        pci_set_word(p->config + p->exp.pasid_cap + PCI_PASID_CTRL, 0);
    }
    if (d->aer) {
        pcie_cap_deverr_reset(p);
    }
    ats_testdev_atc_flush(d);
    ats_testdev_inv_forget(d);
    d->r = (ATSTestDevRegs) {};
    memset(d->buf, 0, sizeof(d->buf));
    memory_region_set_enabled(&d->bar, true);

    ats_testdev_register_notifier(d);
}

/* The ATS Extended Capability (section 10.5.1) */
static void ats_testdev_ats_init(ATSTestDev *d, uint16_t offset)
{
    PCIDevice *p = PCI_DEVICE(d);
    uint16_t ctrl_wmask = PCI_ATS_CTRL_ENABLE;

    pcie_ats_init(p, offset, d->page_aligned);

    /* Global Invalidate goes with PASIDs, and VFs here are without it */
    if (d->pasid_width) {
        pci_word_test_and_set_mask(p->config + offset + PCI_ATS_CAP,
                                   ATS_TESTDEV_CAP_GLOBAL_INV);
    }
    /*
     * VFs share the Invalidate Queue and the STU of their PF; their own fields
     * are hardwired to zero.
     */
    if (!pci_is_vf(p)) {
        pci_word_test_and_set_mask(p->config + offset + PCI_ATS_CAP,
                                   PCI_ATS_CAP_QDEP(d->inv_queue_depth));
        ctrl_wmask |= PCI_ATS_CTRL_STU(~0);
    }
    pci_set_word(p->wmask + offset + PCI_ATS_CTRL, ctrl_wmask);
}

/* It says of itself that it is Cache_Capable, but does nothing by CXL.cache */
static void ats_testdev_cxl_init(ATSTestDev *d, uint16_t offset)
{
    PCIDevice *p = PCI_DEVICE(d);

    pcie_add_capability(p, PCI_EXT_CAP_ID_DVSEC, 1, offset,
                        ATS_TESTDEV_CXL_DVSEC_SIZE);
    pci_set_long(p->config + offset + PCI_DVSEC_HEADER1,
                 ATS_TESTDEV_CXL_DVSEC_SIZE << 20 |
                 ATS_TESTDEV_CXL_DVSEC_REV << 16 | ATS_TESTDEV_CXL_VENDOR);
    pci_set_word(p->config + offset + PCI_DVSEC_HEADER2,
                 ATS_TESTDEV_CXL_DVSEC_ID);
    pci_set_word(p->config + offset + ATS_TESTDEV_CXL_CAP,
                 ATS_TESTDEV_CXL_CAP_CACHE);
}

/*
 * The PCI Power Management Capability (section 7.5.2), with D0 and D3hot, and
 * without PME. In a VF it is optional, and these have none.
 */
static bool ats_testdev_pm_init(ATSTestDev *d, Error **errp)
{
    PCIDevice *p = PCI_DEVICE(d);
    int offset = pci_pm_init(p, 0, errp);

    if (offset < 0) {
        return false;
    }
    pci_set_word(p->config + offset + PCI_PM_PMC, 3);
    pci_set_word(p->config + offset + PCI_PM_CTRL,
                 d->no_soft_reset ? PCI_PM_CTRL_NO_SOFT_RESET : 0);
    pci_set_word(p->wmask + offset + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static void ats_testdev_realize(PCIDevice *p, Error **errp)
{
    ERRP_GUARD();
    ATSTestDev *d = ATS_TESTDEV(p);
    uint16_t offset = PCI_CONFIG_SPACE_SIZE;

    if (d->inv_queue_depth > ATS_TESTDEV_MAX_INV_DEPTH) {
        error_setg(errp, "inv-queue-depth must be between 0 and %d",
                   ATS_TESTDEV_MAX_INV_DEPTH);
        return;
    }
    if (d->pasid_width > ATS_TESTDEV_MAX_PASID_WIDTH) {
        error_setg(errp, "pasid-width must be between 0 and %d",
                   ATS_TESTDEV_MAX_PASID_WIDTH);
        return;
    }
    if (d->pasid_width && pci_is_vf(p)) {
        error_setg(errp, "pasid-width is not for a VF, whose PASIDs are those "
                   "of its PF");
        return;
    }
    if (d->atc_size < 1 || d->atc_size > ATS_TESTDEV_MAX_ATC_SIZE) {
        error_setg(errp, "atc-size must be between 1 and %d",
                   ATS_TESTDEV_MAX_ATC_SIZE);
        return;
    }
    if (!pci_bus_is_express(pci_get_bus(p))) {
        error_setg(errp, "%s must be on a PCI Express bus", TYPE_ATS_TESTDEV);
        return;
    }

    /* If this is a VF, its PF takes the IDs from here */
    pci_config_set_vendor_id(p->config, d->vendor_id);
    pci_config_set_device_id(p->config, d->device_id);
    pci_config_set_revision(p->config, d->revision_id);

    if (pcie_endpoint_cap_init(p, 0) < 0) {
        error_setg(errp, "cannot add the PCI Express Capability");
        return;
    }
    pcie_cap_flr_init(p);
    if (!pci_is_vf(p) && !ats_testdev_pm_init(d, errp)) {
        return;
    }

    memory_region_init(&d->bar, OBJECT(d), TYPE_ATS_TESTDEV,
                       ATS_TESTDEV_BAR_SIZE);
    memory_region_init_io(&d->regs_mr, OBJECT(d), &ats_testdev_regs_ops, d,
                          TYPE_ATS_TESTDEV ".regs", ATS_TESTDEV_BUF);
    memory_region_add_subregion(&d->bar, 0, &d->regs_mr);
    memory_region_init_io(&d->buf_mr, OBJECT(d), &ats_testdev_buf_ops, d,
                          TYPE_ATS_TESTDEV ".buf", ATS_TESTDEV_BUF_SIZE);
    memory_region_add_subregion(&d->bar, ATS_TESTDEV_BUF, &d->buf_mr);
    pci_register_bar(p, ATS_TESTDEV_BAR,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, &d->bar);

    if (d->ats) {
        ats_testdev_ats_init(d, offset);
        offset += PCI_EXT_CAP_ATS_SIZEOF;
    }

    if (d->pasid_width) {
        pcie_pasid_init(p, offset, d->pasid_width, false, false);
        offset += PCI_EXT_CAP_PASID_SIZEOF;
    }

    if (d->cxl_cache) {
        ats_testdev_cxl_init(d, offset);
        offset += ATS_TESTDEV_CXL_DVSEC_SIZE;
    }

    if (d->aer) {
        pcie_cap_deverr_init(p);
        if (pcie_aer_init(p, PCI_ERR_VER, offset, PCI_ERR_SIZEOF, errp) < 0) {
            return;
        }
        offset += PCI_ERR_SIZEOF;
    }

    if (pci_is_vf(p)) {
        pcie_ari_init(p, offset);
    } else {
        pcie_sriov_pf_init_from_user_created_vfs(p, offset, errp);
        if (*errp) {
            if (d->aer) {
                pcie_aer_exit(p);
            }
            return;
        }
    }

    d->atc = g_new0(ATSTestDevATCEntry, d->atc_size);
    QSIMPLEQ_INIT(&d->invs);
    d->inv_timer = timer_new_us(QEMU_CLOCK_VIRTUAL, ats_testdev_inv_due, d);
}

static void ats_testdev_exit(PCIDevice *p)
{
    ATSTestDev *d = ATS_TESTDEV(p);

    pcie_sriov_pf_exit(p);
    if (d->aer) {
        pcie_aer_exit(p);
    }
    ats_testdev_unregister_notifiers(d);
    ats_testdev_inv_forget(d);
    timer_free(d->inv_timer);
    g_clear_pointer(&d->atc, g_free);
}

/*
 * Not migratable: the ATC would have to go with the state of the IOMMU, which
 * does not send it Invalidate Requests when it arrives.
 */
static const VMStateDescription vmstate_ats_testdev = {
    .name = TYPE_ATS_TESTDEV,
    .unmigratable = 1,
};

static const Property ats_testdev_properties[] = {
    DEFINE_PROP_BOOL("ats", ATSTestDev, ats, true),
    DEFINE_PROP_UINT16("vendor-id", ATSTestDev, vendor_id,
                       PCI_VENDOR_ID_REDHAT_QUMRANET),
    DEFINE_PROP_UINT16("device-id", ATSTestDev, device_id,
                       ATS_TESTDEV_DEVICE_ID),
    DEFINE_PROP_UINT8("revision-id", ATSTestDev, revision_id, 0),
    DEFINE_PROP_UINT8("inv-queue-depth", ATSTestDev, inv_queue_depth, 0),
    DEFINE_PROP_BOOL("page-aligned", ATSTestDev, page_aligned, true),
    DEFINE_PROP_UINT32("atc-size", ATSTestDev, atc_size, 64),
    DEFINE_PROP_BOOL("ignore-inv", ATSTestDev, ignore_inv, false),
    DEFINE_PROP_UINT8("pasid-width", ATSTestDev, pasid_width, 0),
    DEFINE_PROP_BOOL("cxl-cache", ATSTestDev, cxl_cache, false),
    DEFINE_PROP_BOOL("aer", ATSTestDev, aer, false),
    DEFINE_PROP_BOOL("no-soft-reset", ATSTestDev, no_soft_reset, false),
};

static void ats_testdev_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    k->realize = ats_testdev_realize;
    k->exit = ats_testdev_exit;
    k->config_write = ats_testdev_config_write;
    k->vendor_id = PCI_VENDOR_ID_REDHAT_QUMRANET;
    k->device_id = ATS_TESTDEV_DEVICE_ID;
    k->class_id = PCI_CLASS_OTHERS;
    k->sriov_vf_user_creatable = true;
    rc->phases.hold = ats_testdev_reset_hold;
    dc->desc = "PCIe Address Translation Services test device";
    dc->vmsd = &vmstate_ats_testdev;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);

    device_class_set_props(dc, ats_testdev_properties);
    object_class_property_set_description(klass, "ats",
        "Whether there is an ATS Capability");
    object_class_property_set_description(klass, "vendor-id",
        "Vendor ID; a VF must have that of its PF");
    object_class_property_set_description(klass, "device-id",
        "Device ID; that of a VF is shown by its PF");
    object_class_property_set_description(klass, "revision-id",
        "Revision ID");
    object_class_property_set_description(klass, "inv-queue-depth",
        "Invalidate Queue Depth in the ATS Capability, 0..31, where 0 is 32; "
        "always 0 in a VF");
    object_class_property_set_description(klass, "page-aligned",
        "Page Aligned Request in the ATS Capability");
    object_class_property_set_description(klass, "atc-size",
        "Entries in the Address Translation Cache, 1..4096");
    object_class_property_set_description(klass, "ignore-inv",
        "Acknowledge Invalidate Requests, but use the cached translations "
        "nevertheless");
    object_class_property_set_description(klass, "pasid-width",
        "Max PASID Width in the PASID Capability, 1..8; 0: there is none; not "
        "for a VF, which uses that of its PF");
    object_class_property_set_description(klass, "cxl-cache",
        "Cache_Capable in a CXL DVSEC: what a driver goes by that knows of "
        "devices that do not work without ATS");
    object_class_property_set_description(klass, "aer",
        "Whether there is an Advanced Error Reporting Capability; errors are "
        "injected by the monitor's pcie_aer_inject_error");
    object_class_property_set_description(klass, "no-soft-reset",
        "No_Soft_Reset in the Power Management Capability: going from D3hot to "
        "D0 is not a reset; not for a VF, which has no such capability");
}

static const TypeInfo ats_testdev_info = {
    .name = TYPE_ATS_TESTDEV,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(ATSTestDev),
    .class_init = ats_testdev_class_init,
    .interfaces = (const InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

static void ats_testdev_register_types(void)
{
    type_register_static(&ats_testdev_info);
}

type_init(ats_testdev_register_types)
