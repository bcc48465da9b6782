/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QTest helpers for ats-testdev and for the SMMUv3 as its Translation Agent
 *
 * What the hardware does is not taken from its models: offsets and formats are
 * those of the Arm SMMU architecture (IHI 0070) and of the PCI Express
 * specification, and so are defined here.
 */
#ifndef TESTS_QTEST_ATS_TESTDEV_QTEST_H
#define TESTS_QTEST_ATS_TESTDEV_QTEST_H

#include "libqtest.h"
#include "qobject/qdict.h"
#include "qemu/bitops.h"
#include "hw/pci/pci_regs.h"
#include "hw/misc/ats-testdev.h"

/* Of the virt machine */
#define ATS_ECAM                0x4010000000ULL
#define ATS_PCIE_MMIO           0x10000000
#define ATS_PCIE_MMIO_PREF      0x20000000
#define ATS_SMMU_OF_MACHINE     0x09050000
#define ATS_SMMU_OF_DEVICE      0x0c000000

/* The use of RAM. Stage 1 tables and the CD are on 2 MiB of their own each. */
#define ATS_STRTAB              0x41600000ULL
#define ATS_STRTAB_L1           0x41620000ULL
#define ATS_STRTAB_L2           0x41630000ULL
#define ATS_CMDQ                0x41640000ULL
#define ATS_EVTQ                0x41650000ULL
#define ATS_CD                  0x41000000ULL
#define ATS_S1_TABLES           0x41200000ULL
#define ATS_S2_TABLES           0x41400000ULL
#define ATS_DATA                0x44000000ULL   /* for the tests */
#define ATS_NOTHING             0x80000000000ULL /* below 2^44: no RAM here */

#define ATS_STRTAB_LOG2         10
#define ATS_QUEUE_LOG2          7

/* IHI 0070, 6.3: registers */
#define SMMU_IDR0               0x0
#define   IDR0_ATS              BIT(10)
#define   IDR0_NS1ATS           BIT(11)
#define   IDR0_PRI              BIT(16)
#define   IDR0_ATSRECERR        BIT(23)
#define SMMU_IDR1               0x4
#define   IDR1_SSIDSIZE(r)      extract32(r, 6, 5)
#define SMMU_IDR3               0xc
#define   IDR3_FWB              BIT(8)
#define SMMU_IDR5               0x14
#define SMMU_CR0                0x20
#define   CR0_SMMUEN            BIT(0)
#define   CR0_EVENTQEN          BIT(2)
#define   CR0_CMDQEN            BIT(3)
#define   CR0_ATSCHK            BIT(4)
#define   CR0_ALL               (CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN | \
                                 CR0_ATSCHK)
#define SMMU_CR0ACK             0x24
#define SMMU_CR2                0x2c
#define   CR2_RECINVSID         BIT(1)
#define   CR2_REC_CFG_ATS       BIT(3)
#define SMMU_GBPA               0x44
#define SMMU_GERROR             0x60
#define   GERROR_CMDQ_ERR       BIT(0)
#define SMMU_GERRORN            0x64
#define SMMU_STRTAB_BASE        0x80
#define SMMU_STRTAB_BASE_CFG    0x88
#define SMMU_CMDQ_BASE          0x90
#define SMMU_CMDQ_PROD          0x98
#define SMMU_CMDQ_CONS          0x9c
#define SMMU_EVENTQ_BASE        0xa0
#define SMMU_EVENTQ_PROD        0x100a8
#define SMMU_EVENTQ_CONS        0x100ac

/* 4: commands */
#define CMD_CFGI_STE            0x03
#define CMD_CFGI_CD             0x05
#define   CFGI_CD_LEAF          1
#define CMD_SSID(s)             ((uint64_t)(s) << 12)
#define CMD_TLBI_NSNH_ALL       0x30
#define CMD_ATC_INV             0x40
#define   ATC_INV_GLOBAL        BIT_ULL(9)
#define   ATC_INV_SSV           BIT_ULL(11)
#define   ATC_INV_ALL           52
#define CMD_SYNC                0x46
#define CERROR_ILL              1
#define CERROR_ATC_INV_SYNC     3

/* 5.2: the STE. 5.4: the CD, with its first 64 bits shifted as a whole. */
#define STE_V                   BIT_ULL(0)
#define STE_CONFIG(c)           ((uint64_t)(c) << 1)
#define STE_S1FMT(f)            ((uint64_t)(f) << 4)
#define STE_S1CDMAX(n)          ((uint64_t)(n) << 59)
#define STE1_S1DSS(d)           ((uint64_t)(d) << 0)
#define STE1_S1STALLD           BIT_ULL(27)
#define STE1_EATS(e)            ((uint64_t)(e) << 28)
#define STE1_S2FWB              BIT_ULL(25)
#define SMMU_VMID(config)       (0x10 + (config))
#define STE2_S2TG_RESERVED      (3ULL << 46)
#define STE2_S2R                BIT_ULL(58)
#define CD_V                    BIT_ULL(31)
#define CD_EPD0                 BIT_ULL(14)
#define CD_TG0(t)               ((uint64_t)(t) << 6)
#define CD_R                    BIT_ULL(45)

/* Config: which stages translate */
enum {
    CONFIG_ABORT = 0,
    CONFIG_BYPASS = 4,
    CONFIG_S1 = 5,
    CONFIG_S2 = 6,
    CONFIG_NESTED = 7,
};

enum {
    EATS_NONE = 0,
    EATS_FULL = 1,
    EATS_SPLIT = 2,
    EATS_DPT = 3,
};

/* 7.3: events */
enum {
    EVT_NONE = 0,
    C_BAD_STREAMID = 0x02,
    F_STE_FETCH = 0x03,
    C_BAD_STE = 0x04,
    F_BAD_ATS_TREQ = 0x05,
    F_STREAM_DISABLED = 0x06,
    F_TRANSL_FORBIDDEN = 0x07,
    C_BAD_SUBSTREAMID = 0x08,
    F_CD_FETCH = 0x09,
    C_BAD_CD = 0x0a,
    F_WALK_EABT = 0x0b,
    F_TRANSLATION = 0x10,
    F_ADDR_SIZE = 0x11,
    F_ACCESS = 0x12,
    F_PERMISSION = 0x13,
};

#define EVT_SSV                 BIT_ULL(11)
#define EVT_SSID(d0)            extract64(d0, 12, 20)

/* VMSAv8-64 descriptors. A block lacks what PTE_PAGE adds to PTE_VALID. */
#define PTE_VALID               BIT_ULL(0)
#define PTE_TABLE               (PTE_VALID | BIT_ULL(1))
#define PTE_PAGE                (PTE_VALID | BIT_ULL(1))
#define PTE_BLOCK               PTE_VALID
#define PTE_AF                  BIT_ULL(10)
#define PTE_SH                  (3ULL << 8)
#define PTE_APTABLE_RO          BIT_ULL(62)
#define S1_RW                   (PTE_AF | PTE_SH | (1ULL << 6))
#define S1_RO                   (PTE_AF | PTE_SH | (3ULL << 6))
#define S2_NO                   (PTE_AF | PTE_SH | (15ULL << 2))
#define S2_RO                   (S2_NO | (1ULL << 6))
#define S2_WO                   (S2_NO | (2ULL << 6))
#define S2_RW                   (S2_NO | (3ULL << 6))

typedef struct ATSTables {
    uint64_t root;
    int level;          /* of the root */
    int granule;        /* log2 */
    uint64_t next;      /* where the next table is put */
} ATSTables;

typedef struct ATSMachine {
    QTestState *qts;
    uint64_t smmu;
    uint64_t next_bar[2];
    uint32_t cmdq_prod;
    uint32_t evtq_cons;
    ATSTables s1;       /* of TTB0 */
    ATSTables s1_high;  /* of TTB1 */
    ATSTables s2;
} ATSMachine;

typedef struct ATSDev {
    ATSMachine *m;
    uint16_t sid;       /* bus, device and function: the RequesterID as well */
    uint16_t ats;       /* the ATS Capability; 0: there is none */
    uint64_t bar;
} ATSDev;

typedef struct ATSSte {
    uint64_t d[8];
} ATSSte;

typedef struct ATSCd {
    uint64_t d[8];
} ATSCd;

/*
 * The machines. One that the previous case has used is used again, reset, if
 * it has been started with the same arguments.
 */

static QTestState *ats_last_qts;
static char *ats_last_args;

static inline void ats_machine_quit(void)
{
    if (ats_last_qts) {
        qtest_quit(ats_last_qts);
        ats_last_qts = NULL;
    }
    g_clear_pointer(&ats_last_args, g_free);
}

/* Forget about what a reset has undone */
static inline void ats_machine_was_reset(ATSMachine *m)
{
    m->next_bar[0] = ATS_PCIE_MMIO;
    m->next_bar[1] = ATS_PCIE_MMIO_PREF;
    m->cmdq_prod = 0;
    m->evtq_cons = 0;
}

static inline void ats_machine_init(ATSMachine *m, const char *args)
{
    if (ats_last_qts && g_str_equal(args, ats_last_args)) {
        qtest_system_reset(ats_last_qts);
    } else {
        ats_machine_quit();
        ats_last_args = g_strdup(args);
        ats_last_qts = qtest_init(args);
    }
    *m = (ATSMachine) {
        .qts = ats_last_qts,
        .smmu = ATS_SMMU_OF_MACHINE,
    };
    ats_machine_was_reset(m);
}

/*
 * Start a virt machine only to have its device tree: it exits then. Returns
 * NULL if it could not be started, with what it said in @err.
 */
static inline char *ats_machine_dtb(const char *machine, const char *args,
                                    gsize *size, char **err)
{
    g_autofree char *file = NULL, *line = NULL, *out = NULL;
    char *dtb = NULL;
    int status = -1;
    int fd = g_file_open_tmp("ats-testdev-XXXXXX.dtb", &file, NULL);

    g_assert(fd >= 0);
    close(fd);
    line = g_strdup_printf("%s -accel qtest -display none -cpu max -nodefaults "
                           "-machine virt,gic-version=3%s,dumpdtb=%s %s",
                           qtest_qemu_binary(NULL), machine, file, args);
    if (g_spawn_command_line_sync(line, &out, err, &status, NULL) &&
        status == 0) {
        g_file_get_contents(file, &dtb, size, NULL);
    }
    unlink(file);
    return dtb;
}

/*
 * What a machine with @args says to a migration; NULL if it goes about it. It
 * is not there any more then.
 */
static inline char *ats_machine_migrate(const char *args)
{
    g_autofree char *file = NULL, *uri = NULL;
    char *refusal = NULL;
    QDict *rsp;
    ATSMachine m;
    int fd;

    fd = g_file_open_tmp("ats-testdev-XXXXXX.mig", &file, NULL);
    g_assert(fd >= 0);
    close(fd);
    uri = g_strdup_printf("file:%s", file);
    ats_machine_init(&m, args);
    rsp = qtest_qmp(m.qts, "{ 'execute': 'migrate',"
                    " 'arguments': { 'uri': %s } }", uri);
    if (qdict_haskey(rsp, "error")) {
        refusal = g_strdup(qdict_get_str(qdict_get_qdict(rsp, "error"),
                                         "desc"));
    }
    qobject_unref(rsp);
    ats_machine_quit();
    unlink(file);
    return refusal;
}

/* Configuration space */

static inline uint64_t ats_cfg_addr(uint16_t sid, uint32_t offset)
{
    return ATS_ECAM + ((uint64_t)sid << 12) + offset;
}

static inline uint8_t ats_cfg_readb(ATSMachine *m, uint16_t sid, uint32_t off)
{
    return qtest_readb(m->qts, ats_cfg_addr(sid, off));
}

static inline uint16_t ats_cfg_readw(ATSMachine *m, uint16_t sid, uint32_t off)
{
    return qtest_readw(m->qts, ats_cfg_addr(sid, off));
}

static inline uint32_t ats_cfg_readl(ATSMachine *m, uint16_t sid, uint32_t off)
{
    return qtest_readl(m->qts, ats_cfg_addr(sid, off));
}

static inline void ats_cfg_writeb(ATSMachine *m, uint16_t sid, uint32_t off,
                                  uint8_t val)
{
    qtest_writeb(m->qts, ats_cfg_addr(sid, off), val);
}

static inline void ats_cfg_writew(ATSMachine *m, uint16_t sid, uint32_t off,
                                  uint16_t val)
{
    qtest_writew(m->qts, ats_cfg_addr(sid, off), val);
}

static inline void ats_cfg_writel(ATSMachine *m, uint16_t sid, uint32_t off,
                                  uint32_t val)
{
    qtest_writel(m->qts, ats_cfg_addr(sid, off), val);
}

static inline uint8_t ats_find_cap(ATSMachine *m, uint16_t sid, uint8_t id)
{
    uint8_t pos = ats_cfg_readb(m, sid, PCI_CAPABILITY_LIST);
    int i;

    for (i = 0; pos && i < 48; i++) {
        if (ats_cfg_readb(m, sid, pos + PCI_CAP_LIST_ID) == id) {
            return pos;
        }
        pos = ats_cfg_readb(m, sid, pos + PCI_CAP_LIST_NEXT);
    }
    return 0;
}

static inline uint16_t ats_find_ext_cap(ATSMachine *m, uint16_t sid,
                                        uint16_t id)
{
    uint16_t pos = PCI_CFG_SPACE_SIZE;
    int i;

    for (i = 0; pos && i < 480; i++) {
        uint32_t header = ats_cfg_readl(m, sid, pos);

        if (header && PCI_EXT_CAP_ID(header) == id) {
            return pos;
        }
        pos = PCI_EXT_CAP_NEXT(header);
    }
    return 0;
}

/* A root port, as function @sid of bus 0, with bus @bus below it */
static inline void ats_port_init(ATSMachine *m, uint16_t sid, uint8_t bus)
{
    uint16_t base = extract32(m->next_bar[0], 16, 16);
    uint16_t pref = extract32(m->next_bar[1], 16, 16);

    ats_cfg_writeb(m, sid, PCI_PRIMARY_BUS, 0);
    ats_cfg_writeb(m, sid, PCI_SECONDARY_BUS, bus);
    ats_cfg_writeb(m, sid, PCI_SUBORDINATE_BUS, bus);
    ats_cfg_writew(m, sid, PCI_MEMORY_BASE, base);
    ats_cfg_writew(m, sid, PCI_MEMORY_LIMIT, base + 0x10);
    ats_cfg_writew(m, sid, PCI_PREF_MEMORY_BASE, pref);
    ats_cfg_writew(m, sid, PCI_PREF_MEMORY_LIMIT, pref + 0x10);
    ats_cfg_writel(m, sid, PCI_PREF_BASE_UPPER32, 0);
    ats_cfg_writel(m, sid, PCI_PREF_LIMIT_UPPER32, 0);
    ats_cfg_writew(m, sid, PCI_COMMAND,
                   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Give the BAR at @off of configuration space @n times its size of space */
static inline uint64_t ats_bar_init(ATSMachine *m, uint16_t sid, uint32_t off,
                                    int n)
{
    uint32_t lo, size;
    uint64_t *next, addr;

    ats_cfg_writel(m, sid, off, 0xffffffff);
    lo = ats_cfg_readl(m, sid, off);
    g_assert_cmphex(lo & PCI_BASE_ADDRESS_SPACE, ==,
                    PCI_BASE_ADDRESS_SPACE_MEMORY);
    size = -(lo & PCI_BASE_ADDRESS_MEM_MASK);
    g_assert_cmphex(size, ==, ATS_TESTDEV_BAR_SIZE);

    next = &m->next_bar[!!(lo & PCI_BASE_ADDRESS_MEM_PREFETCH)];
    addr = *next;
    *next += n * ATS_TESTDEV_BAR_SIZE;
    ats_cfg_writel(m, sid, off, addr);
    if (lo & PCI_BASE_ADDRESS_MEM_TYPE_64) {
        ats_cfg_writel(m, sid, off + 4, 0);
    }
    return addr;
}

/* Ready for commands, but with ATS disabled */
static inline void ats_dev_init(ATSDev *dev, ATSMachine *m, uint16_t sid)
{
    *dev = (ATSDev) {
        .m = m,
        .sid = sid,
        .ats = ats_find_ext_cap(m, sid, PCI_EXT_CAP_ID_ATS),
        .bar = ats_bar_init(m, sid, PCI_BASE_ADDRESS_0, 1),
    };
    ats_cfg_writew(m, sid, PCI_COMMAND,
                   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Enable the only VF of @pf */
static inline void ats_vf_init(ATSDev *vf, ATSDev *pf)
{
    ATSMachine *m = pf->m;
    uint16_t sriov = ats_find_ext_cap(m, pf->sid, PCI_EXT_CAP_ID_SRIOV);

    g_assert_cmphex(sriov, !=, 0);
    *vf = (ATSDev) {
        .m = m,
        .sid = pf->sid + ats_cfg_readw(m, pf->sid,
                                       sriov + PCI_SRIOV_VF_OFFSET),
        .bar = ats_bar_init(m, pf->sid, sriov + PCI_SRIOV_BAR, 1),
    };
    ats_cfg_writew(m, pf->sid, sriov + PCI_SRIOV_NUM_VF, 1);
    ats_cfg_writew(m, pf->sid, sriov + PCI_SRIOV_CTRL,
                   PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
    vf->ats = ats_find_ext_cap(m, vf->sid, PCI_EXT_CAP_ID_ATS);
    /* Memory Space Enable is of no use in a VF, but is what QEMU wants */
    ats_cfg_writew(m, vf->sid, PCI_COMMAND,
                   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static inline void ats_dev_enable(ATSDev *dev, uint8_t stu)
{
    g_assert_cmphex(dev->ats, !=, 0);
    ats_cfg_writew(dev->m, dev->sid, dev->ats + PCI_ATS_CTRL,
                   PCI_ATS_CTRL_ENABLE | stu);
}

static inline void ats_dev_disable(ATSDev *dev)
{
    ats_cfg_writew(dev->m, dev->sid, dev->ats + PCI_ATS_CTRL, 0);
}

static inline void ats_dev_flr(ATSDev *dev)
{
    uint8_t exp = ats_find_cap(dev->m, dev->sid, PCI_CAP_ID_EXP);

    g_assert_cmphex(exp, !=, 0);
    g_assert_cmphex(ats_cfg_readl(dev->m, dev->sid, exp + PCI_EXP_DEVCAP) &
                    PCI_EXP_DEVCAP_FLR, !=, 0);
    ats_cfg_writew(dev->m, dev->sid, exp + PCI_EXP_DEVCTL,
                   PCI_EXP_DEVCTL_BCR_FLR);
}

static inline uint16_t ats_dev_pmcsr(ATSDev *dev)
{
    uint8_t pm = ats_find_cap(dev->m, dev->sid, PCI_CAP_ID_PM);

    g_assert_cmphex(pm, !=, 0);
    return ats_cfg_readw(dev->m, dev->sid, pm + PCI_PM_CTRL);
}

/* @state is 0 for D0, 3 for D3hot; what is read only stays */
static inline void ats_dev_set_power(ATSDev *dev, uint16_t state)
{
    uint8_t pm = ats_find_cap(dev->m, dev->sid, PCI_CAP_ID_PM);

    g_assert_cmphex(pm, !=, 0);
    ats_cfg_writew(dev->m, dev->sid, pm + PCI_PM_CTRL, state);
}

/* PASIDs, which need the PASID Capability in the configuration space */
static inline void ats_dev_enable_pasid(ATSDev *dev)
{
    uint16_t pasid = ats_find_ext_cap(dev->m, dev->sid, PCI_EXT_CAP_ID_PASID);

    g_assert_cmphex(pasid, !=, 0);
    ats_cfg_writew(dev->m, dev->sid, pasid + PCI_PASID_CTRL,
                   PCI_PASID_CTRL_ENABLE);
}

/* Registers of the device */

static inline uint32_t ats_read(ATSDev *dev, uint32_t reg)
{
    return qtest_readl(dev->m->qts, dev->bar + reg);
}

static inline uint64_t ats_read_pair(ATSDev *dev, uint32_t reg)
{
    return ats_read(dev, reg) | (uint64_t)ats_read(dev, reg + 4) << 32;
}

static inline void ats_write(ATSDev *dev, uint32_t reg, uint32_t val)
{
    qtest_writel(dev->m->qts, dev->bar + reg, val);
}

#define ATS_NO_PASID            UINT32_MAX

/* What the commands that follow are for */
static inline void ats_set_pasid(ATSDev *dev, uint32_t pasid)
{
    ats_write(dev, ATS_TESTDEV_PASID,
              pasid == ATS_NO_PASID ? 0 : ATS_TESTDEV_PASID_VALID | pasid);
}

static inline uint32_t ats_cmd(ATSDev *dev, uint32_t cmd, uint64_t addr,
                               uint32_t len)
{
    ats_write(dev, ATS_TESTDEV_ADDR_LO, addr);
    ats_write(dev, ATS_TESTDEV_ADDR_HI, addr >> 32);
    ats_write(dev, ATS_TESTDEV_LEN, len);
    ats_write(dev, ATS_TESTDEV_CMD, cmd);
    return ats_read(dev, ATS_TESTDEV_STATUS);
}

/*
 * As above, with a DW of data. What is longer may be split, by QEMU as by a
 * device, and then more than one event is recorded if it fails.
 */
static inline uint32_t ats_cmd_write(ATSDev *dev, uint32_t cmd, uint64_t addr,
                                     uint32_t val)
{
    qtest_writel(dev->m->qts, dev->bar + ATS_TESTDEV_BUF, val);
    return ats_cmd(dev, cmd, addr, sizeof(val));
}

static inline uint32_t ats_cmd_read(ATSDev *dev, uint32_t cmd, uint64_t addr,
                                    uint32_t *val)
{
    uint32_t status;

    qtest_writel(dev->m->qts, dev->bar + ATS_TESTDEV_BUF, 0);
    status = ats_cmd(dev, cmd, addr, sizeof(*val));
    *val = qtest_readl(dev->m->qts, dev->bar + ATS_TESTDEV_BUF);
    return status;
}

static inline uint32_t ats_treq(ATSDev *dev, uint64_t addr)
{
    return ats_cmd(dev, ATS_TESTDEV_CMD_TREQ, addr, 1);
}

#define ats_assert_reg(dev, reg, val) \
    g_assert_cmphex(ats_read(dev, reg), ==, val)

/* A request that is granted: where it goes, and what it may do there */
#define ats_assert_treq(dev, cmd, addr, pa, perm) \
    do { \
        g_assert_cmpuint(ats_cmd(dev, cmd, addr, 1), ==, ATS_TESTDEV_OK); \
        g_assert_cmphex(ats_read_pair(dev, ATS_TESTDEV_PA_LO), ==, pa); \
        ats_assert_reg(dev, ATS_TESTDEV_PERM, perm); \
    } while (0)

/* A request that is answered with Success, but with R and W clear */
#define ats_assert_treq_denied(dev, cmd, addr) \
    do { \
        g_assert_cmpuint(ats_cmd(dev, cmd, addr, 1), ==, ATS_TESTDEV_DENIED); \
        ats_assert_reg(dev, ATS_TESTDEV_PERM, 0); \
    } while (0)

/* What the ATC has for @addr, and whether it has anything */
#define ats_assert_cached(dev, addr, pa) \
    do { \
        g_assert_cmpuint(ats_cmd(dev, ATS_TESTDEV_CMD_LOOKUP, addr, 1), ==, \
                         ATS_TESTDEV_OK); \
        g_assert_cmphex(ats_read_pair(dev, ATS_TESTDEV_PA_LO), ==, pa); \
    } while (0)

#define ats_assert_not_cached(dev, addr) \
    g_assert_cmpuint(ats_cmd(dev, ATS_TESTDEV_CMD_LOOKUP, addr, 1), ==, \
                     ATS_TESTDEV_MISS)

/* Memory */

static inline uint64_t ats_mem_read(ATSMachine *m, uint64_t addr)
{
    return qtest_readq(m->qts, addr);
}

static inline void ats_mem_write(ATSMachine *m, uint64_t addr, uint64_t val)
{
    qtest_writeq(m->qts, addr, val);
}

/* Registers and queues of the SMMU */

static inline uint32_t smmu_read(ATSMachine *m, uint32_t reg)
{
    return qtest_readl(m->qts, m->smmu + reg);
}

static inline void smmu_write(ATSMachine *m, uint32_t reg, uint32_t val)
{
    qtest_writel(m->qts, m->smmu + reg, val);
}

static inline void smmu_writeq(ATSMachine *m, uint32_t reg, uint64_t val)
{
    qtest_writeq(m->qts, m->smmu + reg, val);
}

static inline void smmu_cr0(ATSMachine *m, uint32_t val)
{
    smmu_write(m, SMMU_CR0, val);
    g_assert_cmphex(smmu_read(m, SMMU_CR0ACK), ==, val);
}

/* Put a command into the queue, without telling */
static inline void smmu_cmd_queue(ATSMachine *m, uint64_t d0, uint64_t d1)
{
    uint64_t addr = ATS_CMDQ +
                    16 * extract32(m->cmdq_prod, 0, ATS_QUEUE_LOG2);

    ats_mem_write(m, addr, d0);
    ats_mem_write(m, addr + 8, d1);
    m->cmdq_prod = extract32(m->cmdq_prod + 1, 0, ATS_QUEUE_LOG2 + 1);
}

/* ... and tell: it is consumed on return, unless a CMD_SYNC waits */
static inline void smmu_cmd_go(ATSMachine *m)
{
    smmu_write(m, SMMU_CMDQ_PROD, m->cmdq_prod);
}

static inline void smmu_cmd_sync(ATSMachine *m)
{
    smmu_cmd_queue(m, CMD_SYNC, 0);
    smmu_cmd_go(m);
    /* Without an error, ERR means nothing */
    g_assert_cmphex(smmu_read(m, SMMU_CMDQ_CONS) & 0xfffff, ==, m->cmdq_prod);
    g_assert_cmphex((smmu_read(m, SMMU_GERROR) ^ smmu_read(m, SMMU_GERRORN)),
                    ==, 0);
}

static inline void smmu_atc_inv_queue(ATSMachine *m, uint32_t sid,
                                      uint64_t addr, int size)
{
    smmu_cmd_queue(m, CMD_ATC_INV | (uint64_t)sid << 32,
                   (addr & ~0xfffULL) | size);
}

static inline void smmu_atc_inv(ATSMachine *m, uint32_t sid, uint64_t addr,
                                int size)
{
    smmu_atc_inv_queue(m, sid, addr, size);
    smmu_cmd_sync(m);
}

static inline void smmu_tlbi_all(ATSMachine *m)
{
    smmu_cmd_queue(m, CMD_TLBI_NSNH_ALL, 0);
    smmu_cmd_sync(m);
}

static inline bool smmu_event_get(ATSMachine *m, uint64_t event[4])
{
    uint32_t index = extract32(m->evtq_cons, 0, ATS_QUEUE_LOG2);
    int i;

    if (smmu_read(m, SMMU_EVENTQ_PROD) == m->evtq_cons) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        event[i] = ats_mem_read(m, ATS_EVTQ + 32 * index + 8 * i);
    }
    m->evtq_cons = extract32(m->evtq_cons + 1, 0, ATS_QUEUE_LOG2 + 1);
    smmu_write(m, SMMU_EVENTQ_CONS, m->evtq_cons);
    return true;
}

static inline void smmu_drop_events(ATSMachine *m)
{
    uint64_t event[4];

    while (smmu_event_get(m, event)) {
        /* as long as there are any */
    }
}

#define smmu_assert_no_event(m) \
    do { \
        uint64_t e_[4] = {}; \
        smmu_event_get(m, e_); \
        g_assert_cmphex(e_[0] & 0xff, ==, EVT_NONE); \
    } while (0)

/* One event of that type and no other; EVT_NONE: none at all */
#define smmu_assert_event(m, type, sid, event) \
    do { \
        memset(event, 0, sizeof(event)); \
        smmu_event_get(m, event); \
        g_assert_cmphex((event)[0] & 0xff, ==, type); \
        if ((type) != EVT_NONE) { \
            g_assert_cmphex((event)[0] >> 32, ==, sid); \
        } \
        smmu_assert_no_event(m); \
    } while (0)

/* 7.3.8, with the position of RnW as in all events that have it */
#define smmu_assert_forbidden(m, sid, addr, read) \
    do { \
        uint64_t f_[4]; \
        smmu_assert_event(m, F_TRANSL_FORBIDDEN, sid, f_); \
        g_assert_cmphex(f_[1], ==, (read) ? BIT_ULL(99 - 64) : 0); \
        g_assert_cmphex(f_[2], ==, addr); \
        g_assert_cmphex(f_[3], ==, 0); \
    } while (0)

/* 7.3.6; what has been asked for is not looked at */
#define smmu_assert_bad_treq(m, sid, addr) \
    do { \
        uint64_t t_[4]; \
        smmu_assert_event(m, F_BAD_ATS_TREQ, sid, t_); \
        g_assert_cmphex(t_[0] & BIT_ULL(11), ==, 0); \
        g_assert_cmphex(t_[2] & ~0xfffULL, ==, (addr) & ~0xfffULL); \
        g_assert_cmphex(t_[3], ==, 0); \
    } while (0)

/* Translation tables */

static inline uint64_t ats_table_new(ATSMachine *m, ATSTables *t)
{
    uint64_t size = BIT_ULL(t->granule);
    uint64_t addr = ROUND_UP(t->next, size);

    qtest_memset(m->qts, addr, 0, size);
    t->next = addr + size;
    return addr;
}

static inline void ats_tables_init(ATSMachine *m, ATSTables *t, uint64_t where,
                                   int granule, int level)
{
    *t = (ATSTables) { .granule = granule, .level = level, .next = where };
    t->root = ats_table_new(m, t);
}

static inline int ats_level_shift(ATSTables *t, int level)
{
    return t->granule + (3 - level) * (t->granule - 3);
}

/* Where the descriptor of @level for @va is; the tables above it are made */
static inline uint64_t ats_desc_addr(ATSMachine *m, ATSTables *t, uint64_t va,
                                     int level)
{
    uint64_t table = t->root;
    int l;

    for (l = t->level;; l++) {
        uint64_t index = extract64(va, ats_level_shift(t, l), t->granule - 3);
        uint64_t desc, addr;

        if (l == t->level) {
            /* 48 bits at most: the rest of a root is not used */
            index &= MAKE_64BIT_MASK(0, 48 - ats_level_shift(t, l));
        }
        addr = table + 8 * index;
        if (l == level) {
            return addr;
        }
        desc = ats_mem_read(m, addr);
        if (!(desc & PTE_VALID)) {
            desc = ats_table_new(m, t) | PTE_TABLE;
            ats_mem_write(m, addr, desc);
        }
        table = desc & MAKE_64BIT_MASK(t->granule, 48 - t->granule);
    }
}

/* Map @va to @pa, with a page (@level 3) or with a block */
static inline void ats_map_level(ATSMachine *m, ATSTables *t, uint64_t va,
                                 uint64_t pa, uint64_t attrs, int level)
{
    ats_mem_write(m, ats_desc_addr(m, t, va, level),
                  pa | attrs | (level == 3 ? PTE_PAGE : PTE_BLOCK));
}

static inline void ats_map(ATSMachine *m, ATSTables *t, uint64_t va,
                           uint64_t pa, uint64_t attrs)
{
    ats_map_level(m, t, va, pa, attrs, 3);
}

static inline void ats_unmap_level(ATSMachine *m, ATSTables *t, uint64_t va,
                                   int level)
{
    ats_mem_write(m, ats_desc_addr(m, t, va, level), 0);
}

static inline void ats_unmap(ATSMachine *m, ATSTables *t, uint64_t va)
{
    ats_unmap_level(m, t, va, 3);
}

/* Configuration structures */

/* Tables for the STEs and the CD below: nothing is mapped as yet. */
static inline void smmu_tables_init(ATSMachine *m, int granule)
{
    /* 48 bits of VA, at both ends; 39 bits of IPA */
    ats_tables_init(m, &m->s1, ATS_S1_TABLES, granule, granule == 16 ? 1 : 0);
    ats_tables_init(m, &m->s1_high, ATS_S1_TABLES + 0x180000, 12, 0);
    ats_tables_init(m, &m->s2, ATS_S2_TABLES, 12, 1);
    /* what stage 1 fetches from IPA space */
    ats_map_level(m, &m->s2, ATS_CD, ATS_CD, S2_RW, 2);
    ats_map_level(m, &m->s2, ATS_S1_TABLES, ATS_S1_TABLES, S2_RW, 2);
}

static inline ATSCd smmu_cd(ATSMachine *m)
{
    /* TG0: 4 KiB, 64 KiB, 16 KiB */
    uint64_t tg0 = m->s1.granule == 12 ? 0 : m->s1.granule == 16 ? 1 : 2;

    return (ATSCd) {
        .d[0] = 16 | CD_TG0(tg0) | 16ULL << 16 | 2ULL << 22 | CD_V |
                5ULL << 32 /* IPS: 48 bits */ | BIT_ULL(41) /* AA64 */ |
                CD_R | BIT_ULL(46) /* A */ | 1ULL << 48 /* ASID */,
        .d[1] = m->s1.root,
        .d[2] = m->s1_high.root,
    };
}

/* CDs are in a linear table, of which the one of SubstreamID 0 is the first */
static inline void smmu_cd_write(ATSMachine *m, uint32_t ssid, const ATSCd *cd)
{
    int i;

    for (i = 0; i < 8; i++) {
        ats_mem_write(m, ATS_CD + 64 * ssid + 8 * i, cd->d[i]);
    }
}

static inline void smmu_cd_set(ATSMachine *m, const ATSCd *cd)
{
    smmu_cd_write(m, 0, cd);
}

static inline ATSSte smmu_ste(ATSMachine *m, unsigned config, unsigned eats)
{
    return (ATSSte) {
        .d[0] = STE_V | STE_CONFIG(config) | ATS_CD,
        .d[1] = STE1_EATS(eats),
        /* What is translated otherwise must not share an ASID and a VMID */
        .d[2] = SMMU_VMID(config) | 25ULL << 32 /* T0SZ */ |
                1ULL << 38 /* SL0 */ | 4ULL << 48 /* PS: 44 bits */ |
                BIT_ULL(51) /* AA64 */ | STE2_S2R,
        .d[3] = m->s2.root,
    };
}

static inline void smmu_ste_write(ATSMachine *m, uint64_t addr,
                                  const ATSSte *ste)
{
    int i;

    for (i = 0; i < 8; i++) {
        ats_mem_write(m, addr + 8 * i, ste->d[i]);
    }
}

static inline void smmu_cfgi(ATSMachine *m, uint16_t sid)
{
    smmu_cmd_queue(m, CMD_CFGI_STE | (uint64_t)sid << 32, 1);
    smmu_cmd_queue(m, CMD_TLBI_NSNH_ALL, 0);
    smmu_cmd_sync(m);
}

static inline void smmu_ste_set(ATSMachine *m, uint16_t sid,
                                const ATSSte *ste)
{
    smmu_ste_write(m, ATS_STRTAB + 64 * sid, ste);
    if (smmu_read(m, SMMU_CR0) & CR0_CMDQEN) {
        smmu_cfgi(m, sid);
    }
}

static inline void smmu_ste_config(ATSMachine *m, uint16_t sid,
                                   unsigned config, unsigned eats)
{
    ATSSte ste = smmu_ste(m, config, eats);

    smmu_ste_set(m, sid, &ste);
}

/* Everything but CR0: no STE is valid, no page is mapped. */
static inline void smmu_init(ATSMachine *m)
{
    ATSCd cd;

    smmu_tables_init(m, 12);
    cd = smmu_cd(m);
    smmu_cd_set(m, &cd);

    qtest_memset(m->qts, ATS_STRTAB, 0, 64 << ATS_STRTAB_LOG2);
    smmu_writeq(m, SMMU_STRTAB_BASE, ATS_STRTAB);
    smmu_write(m, SMMU_STRTAB_BASE_CFG, ATS_STRTAB_LOG2);
    smmu_writeq(m, SMMU_CMDQ_BASE, ATS_CMDQ | ATS_QUEUE_LOG2);
    smmu_write(m, SMMU_CMDQ_PROD, m->cmdq_prod);
    smmu_write(m, SMMU_CMDQ_CONS, m->cmdq_prod);
    smmu_writeq(m, SMMU_EVENTQ_BASE, ATS_EVTQ | ATS_QUEUE_LOG2);
    smmu_write(m, SMMU_EVENTQ_PROD, m->evtq_cons);
    smmu_write(m, SMMU_EVENTQ_CONS, m->evtq_cons);
    smmu_write(m, SMMU_CR2, CR2_RECINVSID);
}

#endif /* TESTS_QTEST_ATS_TESTDEV_QTEST_H */
