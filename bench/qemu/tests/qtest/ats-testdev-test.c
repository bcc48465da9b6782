/*
 * QTest testcase for ats-testdev
 *
 * The ATS Capability and what it controls are those of the PCI Express
 * specification ("ATS Extended Capability", "Address Translation Cache");
 * the registers are those of hw/misc/ats-testdev.h. An SMMUv3 is the
 * Translation Agent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "ats-testdev-qtest.h"

#define ATS_VENDOR_ID 0x1af4    /* by default */

#define VIRT        "-machine virt,gic-version=3 -cpu max -nodefaults "
#define VIRT_SMMU   "-machine virt,gic-version=3,iommu=smmuv3 -cpu max " \
                    "-nodefaults -global arm-smmuv3.ats=on "
#define PORT        "-device pcie-root-port,id=rp0,bus=pcie.0,addr=0x3," \
                    "chassis=1 "
#define PF_AND_VF   PORT \
                    "-device ats-testdev,id=vf0,bus=rp0,addr=0x0.0x1," \
                    "sriov-pf=pf0 " \
                    "-device ats-testdev,id=pf0,bus=rp0,addr=0x0.0x0"
#define PLAIN(opts) "-device ats-testdev,bus=pcie.0,addr=0x4" opts " "
#define SID_PORT    0x018
#define SID_PLAIN   0x020
#define SID_PF      0x100

#define VA          0x500000000ULL
#define PA          ATS_DATA

#define VALUE       0xdeadbeefU

typedef struct Test {
    ATSMachine m;
    ATSDev dev;
} Test;

/* The SMMU translates for @sid: VA and what follows, 16 pages backwards */
static uint64_t pa_of(int page)
{
    return PA + 0x1000 * (15 - page);
}

static void start_smmu(Test *t)
{
    int i;

    smmu_init(&t->m);
    for (i = 0; i < 16; i++) {
        ats_map(&t->m, &t->m.s1, VA + 0x1000 * i, pa_of(i), S1_RW);
        qtest_memset(t->m.qts, pa_of(i), 0, 0x1000);
    }
    smmu_cr0(&t->m, CR0_ALL);
}

static void start_opts(Test *t, const char *opts)
{
    g_autofree char *args = g_strconcat(VIRT_SMMU, "-device ats-testdev,"
                                        "bus=pcie.0,addr=0x4", opts, NULL);

    ats_machine_init(&t->m, args);
    ats_dev_init(&t->dev, &t->m, SID_PLAIN);
    start_smmu(t);
    smmu_ste_config(&t->m, SID_PLAIN, CONFIG_S1, EATS_FULL);
}

/* ATS not enabled */
static void start_disabled(Test *t)
{
    start_opts(t, "");
}

static void start(Test *t)
{
    start_disabled(t);
    ats_dev_enable(&t->dev, 0);
}

static void start_pf_opts(Test *t, ATSDev *vf, const char *opts)
{
    g_autofree char *args = g_strconcat(VIRT_SMMU PF_AND_VF, opts, NULL);

    ats_machine_init(&t->m, args);
    ats_port_init(&t->m, SID_PORT, SID_PF >> 8);
    ats_dev_init(&t->dev, &t->m, SID_PF);
    ats_vf_init(vf, &t->dev);
    start_smmu(t);
    smmu_ste_config(&t->m, SID_PF, CONFIG_S1, EATS_FULL);
    smmu_ste_config(&t->m, vf->sid, CONFIG_S1, EATS_FULL);
}

static void start_pf(Test *t, ATSDev *vf)
{
    start_pf_opts(t, vf, "");
}

static void fill_atc(ATSDev *dev, int pages)
{
    int i;

    for (i = 0; i < pages; i++) {
        ats_assert_treq(dev, ATS_TESTDEV_CMD_TREQ, VA + 0x1000 * i, pa_of(i),
                        ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
    }
}

static void set_command(ATSDev *dev, uint16_t command)
{
    ats_cfg_writew(dev->m, dev->sid, PCI_COMMAND, command);
}

static uint16_t ats_cap(ATSDev *dev)
{
    return ats_cfg_readw(dev->m, dev->sid, dev->ats + PCI_ATS_CAP);
}

static uint16_t ats_ctrl(ATSDev *dev)
{
    return ats_cfg_readw(dev->m, dev->sid, dev->ats + PCI_ATS_CTRL);
}

static void set_ats_ctrl(ATSDev *dev, uint16_t ctrl)
{
    ats_cfg_writew(dev->m, dev->sid, dev->ats + PCI_ATS_CTRL, ctrl);
}

/* Everything that commands leave, with the counters */
static void assert_pristine(ATSDev *dev)
{
    static const uint32_t zero[] = {
        ATS_TESTDEV_ENABLED, ATS_TESTDEV_STU, ATS_TESTDEV_STATUS,
        ATS_TESTDEV_DONE, ATS_TESTDEV_PA_LO, ATS_TESTDEV_PA_HI,
        ATS_TESTDEV_PERM, ATS_TESTDEV_SHIFT, ATS_TESTDEV_ATC_VALID,
        ATS_TESTDEV_TREQS, ATS_TESTDEV_INVS, ATS_TESTDEV_INVS_UR,
        ATS_TESTDEV_TRANSLATED, ATS_TESTDEV_INV_ADDR_LO,
        ATS_TESTDEV_INV_ADDR_HI, ATS_TESTDEV_INV_LAST_LO,
        ATS_TESTDEV_INV_LAST_HI, ATS_TESTDEV_PASID, ATS_TESTDEV_INV_PASID,
    };
    int i;

    g_assert_cmphex(ats_ctrl(dev), ==, 0);
    for (i = 0; i < ARRAY_SIZE(zero); i++) {
        if (ats_read(dev, zero[i]) != 0) {
            g_test_message("register 0x%x", zero[i]);
        }
        ats_assert_reg(dev, zero[i], 0);
    }
}

/* Configuration space */

static void test_ids(void)
{
    Test t;

    start_disabled(&t);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_VENDOR_ID), ==,
                    ATS_VENDOR_ID);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_DEVICE_ID), ==,
                    ATS_TESTDEV_DEVICE_ID);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ID, ATS_TESTDEV_ID_VALUE);

    start_opts(&t, ",vendor-id=0x8086,device-id=0x1234,revision-id=0x56");
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_VENDOR_ID), ==, 0x8086);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_DEVICE_ID), ==, 0x1234);
    g_assert_cmphex(ats_cfg_readb(&t.m, SID_PLAIN, PCI_REVISION_ID), ==, 0x56);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ID, ATS_TESTDEV_ID_VALUE);
}

typedef struct Cap {
    const char *name;
    const char *opts;
    uint16_t cap;
} Cap;

static const Cap caps[] = {
    { "default", "", 0x20 },
    { "page-aligned-off", ",page-aligned=off", 0x00 },
    { "inv-queue-depth-1", ",inv-queue-depth=1", 0x21 },
    { "inv-queue-depth-31", ",inv-queue-depth=31,page-aligned=off", 0x1f },
    { "global-invalidate", ",pasid-width=3", 0x60 },
};

/* Read-only, with nothing but what is asked for. Version 1. */
static void test_cap(const void *data)
{
    const Cap *c = data;
    Test t;

    start_opts(&t, c->opts);
    g_assert_cmphex(t.dev.ats, !=, 0);
    g_assert_cmphex(PCI_EXT_CAP_VER(ats_cfg_readl(&t.m, SID_PLAIN,
                                                  t.dev.ats)), ==, 1);
    g_assert_cmphex(ats_cap(&t.dev), ==, c->cap);
    ats_cfg_writew(&t.m, SID_PLAIN, t.dev.ats + PCI_ATS_CAP, ~c->cap);
    g_assert_cmphex(ats_cap(&t.dev), ==, c->cap);
}

/* E is bit 15, STU is bits 4 to 0, and that is all there is to write */
static void test_ctrl(void)
{
    Test t;
    int stu;

    start_disabled(&t);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
    for (stu = 0; stu < 32; stu++) {
        set_ats_ctrl(&t.dev, stu);
        g_assert_cmphex(ats_ctrl(&t.dev), ==, stu);
        ats_assert_reg(&t.dev, ATS_TESTDEV_STU, stu);
        ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
    }
    set_ats_ctrl(&t.dev, PCI_ATS_CTRL_ENABLE | 3);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, PCI_ATS_CTRL_ENABLE | 3);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_STU, 3);
    set_ats_ctrl(&t.dev, 0);
    set_ats_ctrl(&t.dev, 0x7fe0);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);

    /* by bytes, too */
    ats_cfg_writeb(&t.m, SID_PLAIN, t.dev.ats + PCI_ATS_CTRL + 1, 0x80);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 1);
    ats_cfg_writeb(&t.m, SID_PLAIN, t.dev.ats + PCI_ATS_CTRL, 5);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_STU, 5);
    /* ... and with the capability register */
    ats_cfg_writel(&t.m, SID_PLAIN, t.dev.ats + PCI_ATS_CAP, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
}

static void test_no_cap(void)
{
    uint32_t val;
    Test t;

    start_opts(&t, ",ats=off");
    g_assert_cmphex(t.dev.ats, ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_STU, 0);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_DISABLED);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);
    smmu_atc_inv(&t.m, SID_PLAIN, VA, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);

    /* it is a device for all that */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, VA, VALUE),
                     ==, ATS_TESTDEV_OK);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ, VA, &val),
                     ==, ATS_TESTDEV_OK);
    g_assert_cmphex(val, ==, VALUE);
}

/* Registers */

static void test_registers_access(void)
{
    static const uint32_t rw[] = {
        ATS_TESTDEV_ADDR_LO, ATS_TESTDEV_ADDR_HI, ATS_TESTDEV_LEN,
        ATS_TESTDEV_INV_DELAY,
    };
    uint32_t reg;
    int i;
    Test t;

    start(&t);
    fill_atc(&t.dev, 1);
    for (i = 0; i < ARRAY_SIZE(rw); i++) {
        ats_write(&t.dev, rw[i], 0xa5a5f00d + i);
    }
    for (i = 0; i < ARRAY_SIZE(rw); i++) {
        ats_assert_reg(&t.dev, rw[i], 0xa5a5f00d + i);
    }

    for (reg = 0; reg < 0x100; reg += 4) {
        uint32_t val = ats_read(&t.dev, reg);

        if (reg == ATS_TESTDEV_CMD || reg == ATS_TESTDEV_MARK ||
            reg == ATS_TESTDEV_INV_DELAY || reg == ATS_TESTDEV_PASID ||
            (reg >= ATS_TESTDEV_ADDR_LO && reg <= ATS_TESTDEV_LEN)) {
            continue;
        }
        ats_write(&t.dev, reg, ~val);
        ats_assert_reg(&t.dev, reg, val);
    }
    ats_write(&t.dev, ATS_TESTDEV_PASID, ~ATS_TESTDEV_PASID_VALID);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PASID, 0);
    ats_write(&t.dev, ATS_TESTDEV_PASID, 0xa5a5f00d);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PASID, 0xa5a5f00d);
    ats_write(&t.dev, ATS_TESTDEV_MARK, 7);
    ats_assert_reg(&t.dev, ATS_TESTDEV_MARK, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_CMD, 0);
    ats_assert_reg(&t.dev, 0x00c, 0);
    ats_assert_reg(&t.dev, 0x100, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_BUF - 4, 0);
}

static void test_registers_buffer(void)
{
    const uint64_t end = ATS_TESTDEV_BUF + ATS_TESTDEV_BUF_SIZE;
    uint64_t buf;
    Test t;

    start(&t);
    buf = t.dev.bar + ATS_TESTDEV_BUF;
    qtest_writeb(t.m.qts, buf, 0x01);
    qtest_writeb(t.m.qts, buf + 1, 0x23);
    qtest_writew(t.m.qts, buf + 2, 0x6745);
    qtest_writel(t.m.qts, buf + 4, 0xefcdab89);
    g_assert_cmphex(qtest_readq(t.m.qts, buf), ==, 0xefcdab8967452301ULL);
    qtest_writeq(t.m.qts, buf + 8, 0xfedcba9876543210ULL);
    g_assert_cmphex(qtest_readb(t.m.qts, buf + 9), ==, 0x32);
    g_assert_cmphex(qtest_readw(t.m.qts, buf + 10), ==, 0x7654);
    g_assert_cmphex(qtest_readl(t.m.qts, buf + 12), ==, 0xfedcba98);
    qtest_writeq(t.m.qts, t.dev.bar + end - 8, VALUE);
    g_assert_cmphex(qtest_readq(t.m.qts, t.dev.bar + end - 8), ==, VALUE);
}

/* Commands that are none */
static void test_bad_cmd(void)
{
    static const uint32_t cmds[] = { 0, 11, 0x101, 0x80000001, 0xffffffff };
    static const uint32_t lens[] = {
        0, ATS_TESTDEV_BUF_SIZE + 1, 0x10001, 0xffffffff,
    };
    static const uint32_t ranged[] = {
        ATS_TESTDEV_CMD_TREQ, ATS_TESTDEV_CMD_TREQ_NW,
        ATS_TESTDEV_CMD_WRITE, ATS_TESTDEV_CMD_READ,
        ATS_TESTDEV_CMD_WRITE_ATC, ATS_TESTDEV_CMD_READ_ATC,
        ATS_TESTDEV_CMD_WRITE_FORGED, ATS_TESTDEV_CMD_READ_FORGED,
    };
    Test t;
    int i, j;

    start(&t);
    fill_atc(&t.dev, 1);
    for (i = 0; i < ARRAY_SIZE(cmds); i++) {
        g_assert_cmpuint(ats_cmd(&t.dev, cmds[i], VA, 8), ==,
                         ATS_TESTDEV_BAD_CMD);
        ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, 0);
    }
    qtest_writeq(t.m.qts, t.dev.bar + ATS_TESTDEV_BUF, VALUE);
    for (i = 0; i < ARRAY_SIZE(ranged); i++) {
        for (j = 0; j < ARRAY_SIZE(lens); j++) {
            g_assert_cmpuint(ats_cmd(&t.dev, ranged[i], VA, lens[j]), ==,
                             ATS_TESTDEV_BAD_CMD);
            ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, 0);
        }
    }
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
    smmu_assert_no_event(&t.m);
}

/* DMA by untranslated requests */

static void fill_buffer(ATSDev *dev, uint8_t *data, size_t size, int seed)
{
    size_t i;

    for (i = 0; i < size; i++) {
        data[i] = seed + i * 7 + (i >> 8) * 11;
    }
    qtest_memwrite(dev->m->qts, dev->bar + ATS_TESTDEV_BUF, data, size);
}

/* @size bytes of memory at VA + @off, page by page, are @data */
static void assert_memory(Test *t, uint64_t off, const uint8_t *data,
                          size_t size)
{
    g_autofree uint8_t *mem = g_malloc0(size);
    size_t pos, n;

    for (pos = 0; pos < size; pos += n) {
        uint64_t at = off + pos;

        n = MIN(size - pos, 0x1000 - at % 0x1000);
        qtest_memread(t->m.qts, pa_of(at / 0x1000) + at % 0x1000, mem + pos,
                      n);
    }
    g_assert_cmpmem(mem, size, data, size);
}

static void assert_buffer(ATSDev *dev, const uint8_t *data, size_t size)
{
    g_autofree uint8_t *buf = g_malloc0(size);

    qtest_memread(dev->m->qts, dev->bar + ATS_TESTDEV_BUF, buf, size);
    g_assert_cmpmem(buf, size, data, size);
}

typedef struct Copy {
    const char *name;
    unsigned write, read;
    uint32_t off, len;
} Copy;

static const Copy copies[] = {
    { "untranslated-1-byte", ATS_TESTDEV_CMD_WRITE, ATS_TESTDEV_CMD_READ,
      0x123, 1 },
    { "untranslated-page-crossing", ATS_TESTDEV_CMD_WRITE,
      ATS_TESTDEV_CMD_READ, 0xffd, 7 },
    { "untranslated-all", ATS_TESTDEV_CMD_WRITE, ATS_TESTDEV_CMD_READ,
      0x800, ATS_TESTDEV_BUF_SIZE },
    { "atc-1-byte", ATS_TESTDEV_CMD_WRITE_ATC, ATS_TESTDEV_CMD_READ_ATC,
      0x123, 1 },
    { "atc-page-crossing", ATS_TESTDEV_CMD_WRITE_ATC,
      ATS_TESTDEV_CMD_READ_ATC, 0xffd, 7 },
    { "atc-all", ATS_TESTDEV_CMD_WRITE_ATC, ATS_TESTDEV_CMD_READ_ATC,
      0x800, ATS_TESTDEV_BUF_SIZE },
};

static void test_copy(const void *data)
{
    const Copy *c = data;
    g_autofree uint8_t *bytes = g_malloc0(ATS_TESTDEV_BUF_SIZE);
    g_autofree uint8_t *other = g_malloc0(ATS_TESTDEV_BUF_SIZE);
    bool atc = c->write == ATS_TESTDEV_CMD_WRITE_ATC;
    uint8_t zero[1] = {};
    Test t;

    start(&t);
    if (atc) {
        /* all at once, 9 of them */
        g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x800,
                                 ATS_TESTDEV_BUF_SIZE), ==, ATS_TESTDEV_OK);
        ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 9);
    }
    fill_buffer(&t.dev, bytes, ATS_TESTDEV_BUF_SIZE, 1);
    g_assert_cmpuint(ats_cmd(&t.dev, c->write, VA + c->off, c->len), ==,
                     ATS_TESTDEV_OK);
    ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, c->len);
    assert_memory(&t, c->off, bytes, c->len);
    assert_memory(&t, c->off - 1, zero, 1);
    assert_memory(&t, c->off + c->len, zero, 1);

    fill_buffer(&t.dev, other, ATS_TESTDEV_BUF_SIZE, 0x80);
    g_assert_cmpuint(ats_cmd(&t.dev, c->read, VA + c->off, c->len), ==,
                     ATS_TESTDEV_OK);
    ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, c->len);
    memcpy(other, bytes, c->len);
    assert_buffer(&t.dev, other, ATS_TESTDEV_BUF_SIZE);

    if (atc) {
        g_assert_cmpuint(ats_read(&t.dev, ATS_TESTDEV_TRANSLATED), >=, 2);
    } else {
        ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);
        ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);
    }
    smmu_assert_no_event(&t.m);
}

static void test_copy_aborted(void)
{
    uint32_t val;
    Test t;

    start(&t);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, VA + 0x10000,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, 0);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ, VA + 0x10000,
                                  &val), ==, ATS_TESTDEV_ABORTED);
    g_assert_cmphex(val, ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, 0);

    /* The status is that of the last command */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, VA, VALUE),
                     ==, ATS_TESTDEV_OK);
    ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, 4);
}

/* E and Bus Master Enable */

static void test_disabled_e(void)
{
    Test t;

    start_disabled(&t);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_DISABLED);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_TREQ_NW, VA, 1), ==,
                     ATS_TESTDEV_DISABLED);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA,
                                   VALUE), ==, ATS_TESTDEV_DISABLED);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_READ_ATC, VA, 8), ==,
                     ATS_TESTDEV_DISABLED);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);

    /* Untranslated requests do not need it */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, VA, VALUE),
                     ==, ATS_TESTDEV_OK);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, VALUE);

    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 1);
}

static void test_disabled_bme(void)
{
    static const uint32_t cmds[] = {
        ATS_TESTDEV_CMD_TREQ, ATS_TESTDEV_CMD_TREQ_NW,
        ATS_TESTDEV_CMD_WRITE, ATS_TESTDEV_CMD_READ,
        ATS_TESTDEV_CMD_WRITE_ATC, ATS_TESTDEV_CMD_READ_ATC,
        ATS_TESTDEV_CMD_WRITE_FORGED, ATS_TESTDEV_CMD_READ_FORGED,
    };
    Test t;
    int i;

    start(&t);
    fill_atc(&t.dev, 1);
    qtest_writeq(t.m.qts, t.dev.bar + ATS_TESTDEV_BUF, VALUE);
    set_command(&t.dev, PCI_COMMAND_MEMORY);
    for (i = 0; i < ARRAY_SIZE(cmds); i++) {
        g_assert_cmpuint(ats_cmd(&t.dev, cmds[i], VA, 8), ==,
                         ATS_TESTDEV_DISABLED);
    }
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);
    smmu_assert_no_event(&t.m);

    set_command(&t.dev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_WRITE, VA, 8), ==,
                     ATS_TESTDEV_OK);
}

/* The ATC */

static void test_atc_hit(void)
{
    uint32_t val;
    Test t;

    start(&t);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_SIZE, 64);
    ats_assert_not_cached(&t.dev, VA);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA,
                                   VALUE), ==, ATS_TESTDEV_MISS);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC, VA, &val),
                     ==, ATS_TESTDEV_MISS);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);

    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x1567,
                    pa_of(1) + 0x567, ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
    ats_assert_reg(&t.dev, ATS_TESTDEV_SHIFT, 12);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
    ats_assert_cached(&t.dev, VA + 0x1abc, pa_of(1) + 0xabc);
    ats_assert_reg(&t.dev, ATS_TESTDEV_SHIFT, 12);
    ats_assert_not_cached(&t.dev, VA + 0xfff);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PERM, 0);
    ats_assert_not_cached(&t.dev, VA + 0x2000);
    ats_assert_not_cached(&t.dev, VA + 0x1000 + (1ULL << 32));
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 1);

    /* The same once more is not another entry */
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x1000, pa_of(1),
                    ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 2);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);

    /* What has been cached is used, and no more asked for */
    ats_unmap(&t.m, &t.m.s1, VA + 0x1000);
    smmu_tlbi_all(&t.m);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                   VA + 0x1100, VALUE), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(1) + 0x100), ==, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC,
                                  VA + 0x1100, &val), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(val, ==, VALUE);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 2);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 2);
}

static void test_atc_miss_in_part(void)
{
    Test t;

    start(&t);
    fill_atc(&t.dev, 1);
    qtest_writeq(t.m.qts, t.dev.bar + ATS_TESTDEV_BUF, VALUE);
    qtest_writeq(t.m.qts, t.dev.bar + ATS_TESTDEV_BUF + 8, VALUE);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA + 0xff8,
                             16), ==, ATS_TESTDEV_MISS);
    g_assert_cmpuint(ats_read(&t.dev, ATS_TESTDEV_DONE), <=, 8);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(1)), ==, 0);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_READ_ATC, VA + 0xff8,
                             16), ==, ATS_TESTDEV_MISS);
}

static void test_atc_denied(void)
{
    uint32_t val;
    Test t;

    start(&t);
    ats_map(&t.m, &t.m.s1, VA, pa_of(0), S1_RO);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, VA, pa_of(0),
                    ATS_TESTDEV_PERM_R);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA,
                                   VALUE), ==, ATS_TESTDEV_DENIED);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_DONE, 0);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, 0);
    ats_mem_write(&t.m, pa_of(0), VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC, VA, &val),
                     ==, ATS_TESTDEV_OK);
    g_assert_cmphex(val, ==, VALUE);

    /* A page that may be written, asked for with NW, and then without */
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ_NW, VA + 0x1000, pa_of(1),
                    ATS_TESTDEV_PERM_R);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                   VA + 0x1000, VALUE), ==,
                     ATS_TESTDEV_DENIED);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x1000, pa_of(1),
                    ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                   VA + 0x1000, VALUE), ==, ATS_TESTDEV_OK);
}

/* Neither of the negative answers is one to be cached */
static void test_atc_negative(void)
{
    Test t;

    start(&t);
    ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x10000);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_map(&t.m, &t.m.s1, VA + 0x10000, PA, S1_RW);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x10000, PA,
                    ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);

    smmu_ste_config(&t.m, SID_PLAIN, CONFIG_S1, EATS_NONE);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_UR);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PERM, 0);
    ats_assert_not_cached(&t.dev, VA);
    smmu_ste_config(&t.m, SID_PLAIN, CONFIG_S1, EATS_SPLIT);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_CA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PERM, 0);
    ats_assert_not_cached(&t.dev, VA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 4);
}

static void test_atc_flush(void)
{
    Test t;

    start(&t);
    fill_atc(&t.dev, 3);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 3);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 1), ==,
                     ATS_TESTDEV_OK);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_not_cached(&t.dev, VA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 3);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 1);
}

static void test_atc_size(void)
{
    int i, cached = 0;
    Test t;

    start_opts(&t, ",atc-size=4");
    ats_dev_enable(&t.dev, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_SIZE, 4);
    for (i = 0; i < 16; i++) {
        ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x1000 * i,
                        pa_of(i), ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
        ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, MIN(i + 1, 4));
        ats_assert_cached(&t.dev, VA + 0x1000 * i, pa_of(i));
    }
    for (i = 0; i < 16; i++) {
        cached += ats_cmd(&t.dev, ATS_TESTDEV_CMD_LOOKUP, VA + 0x1000 * i,
                          1) == ATS_TESTDEV_OK;
    }
    g_assert_cmpint(cached, ==, 4);

    start_opts(&t, ",atc-size=1");
    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 2);
    ats_assert_not_cached(&t.dev, VA);
    ats_assert_cached(&t.dev, VA + 0x1000, pa_of(1));
}

static void test_atc_e_cleared(void)
{
    Test t;

    start(&t);
    fill_atc(&t.dev, 4);
    set_ats_ctrl(&t.dev, PCI_ATS_CTRL_ENABLE);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 4);
    ats_dev_disable(&t.dev);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_dev_enable(&t.dev, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_not_cached(&t.dev, VA);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA,
                                   VALUE), ==, ATS_TESTDEV_MISS);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, 0);
    /* counters count on */
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 4);
}

/* The Smallest Translation Unit */

static void test_stu_pages_too_small(void)
{
    static const uint8_t stus[] = { 1, 2, 3, 9, 31 };
    Test t;
    int i;

    start_disabled(&t);
    for (i = 0; i < ARRAY_SIZE(stus); i++) {
        ats_dev_disable(&t.dev);
        ats_dev_enable(&t.dev, stus[i]);
        g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_BAD_SIZE);
        ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
        ats_assert_not_cached(&t.dev, VA);
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA,
                                       VALUE), ==, ATS_TESTDEV_MISS);
    }
    ats_dev_disable(&t.dev);
    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 1);
}

static void test_stu_blocks(void)
{
    const uint64_t va = 0x600000000ULL, pa = 0x44200000ULL;
    Test t;

    start_disabled(&t);
    ats_map_level(&t.m, &t.m.s1, va, pa, S1_RW, 2);
    ats_dev_enable(&t.dev, 9);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, va + 0x123456, pa + 0x123456,
                    ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
    ats_assert_reg(&t.dev, ATS_TESTDEV_SHIFT, 21);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
    ats_assert_cached(&t.dev, va, pa);
    ats_assert_cached(&t.dev, va + 0x1fffff, pa + 0x1fffff);
    ats_assert_not_cached(&t.dev, va + 0x200000);

    /* STU 10: 4 MiB */
    ats_dev_disable(&t.dev);
    ats_dev_enable(&t.dev, 10);
    g_assert_cmpuint(ats_treq(&t.dev, va), ==, ATS_TESTDEV_BAD_SIZE);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
}

/* IHI 0070, 3.9.1.2: R == W == 0 is for as much as the STU */
static void test_stu_denied(void)
{
    Test t;

    start_disabled(&t);
    ats_dev_enable(&t.dev, 3);
    ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ, VA + 0x10000);
    ats_assert_reg(&t.dev, ATS_TESTDEV_SHIFT, 15);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
}

/* Invalidate Requests */

static void test_inv_counters(void)
{
    Test t;

    start(&t);
    fill_atc(&t.dev, 4);
    smmu_atc_inv(&t.m, SID_PLAIN, VA + 0x1000, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 3);
    ats_assert_not_cached(&t.dev, VA + 0x1000);
    ats_assert_cached(&t.dev, VA, pa_of(0));
    ats_assert_cached(&t.dev, VA + 0x2000, pa_of(2));
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_INV_ADDR_LO), ==,
                    VA + 0x1000);
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_INV_LAST_LO), ==,
                    VA + 0x1fff);

    /* E clear: Unsupported Request */
    ats_dev_disable(&t.dev);
    smmu_atc_inv(&t.m, SID_PLAIN, VA + 0x4000, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 1);
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_INV_ADDR_LO), ==,
                    VA + 0x4000);
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_INV_LAST_LO), ==,
                    VA + 0x5fff);

    /* Without Bus Master Enable one is taken nevertheless */
    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 4);
    set_command(&t.dev, PCI_COMMAND_MEMORY);
    smmu_atc_inv(&t.m, SID_PLAIN, VA, ATC_INV_ALL);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 2);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_INV_ADDR_LO), ==, 0);
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_INV_LAST_LO), ==,
                    UINT64_MAX);
}

static void test_inv_ignored(void)
{
    uint32_t val;
    Test t;

    start_opts(&t, ",ignore-inv=on");
    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 2);
    smmu_atc_inv(&t.m, SID_PLAIN, 0, ATC_INV_ALL);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 2);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, VA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(ats_mem_read(&t.m, pa_of(0)), ==, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC, VA, &val),
                     ==, ATS_TESTDEV_OK);

    /* It ignores no more than that */
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 1), ==,
                     ATS_TESTDEV_OK);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    fill_atc(&t.dev, 2);
    ats_dev_disable(&t.dev);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    smmu_atc_inv(&t.m, SID_PLAIN, 0, ATC_INV_ALL);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 1);
}

/* VFs */

static void test_vf_cap(void)
{
    uint16_t cap;
    ATSDev vf;
    Test t;

    ats_machine_init(&t.m, VIRT_SMMU PORT
                     "-device ats-testdev,bus=rp0,addr=0x0.0x1,sriov-pf=pf0,"
                     "inv-queue-depth=17 "
                     "-device ats-testdev,id=pf0,bus=rp0,addr=0x0.0x0,"
                     "inv-queue-depth=19 ");
    ats_port_init(&t.m, SID_PORT, SID_PF >> 8);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    ats_vf_init(&vf, &t.dev);

    g_assert_cmphex(ats_cap(&t.dev), ==, PCI_ATS_CAP_PAGE_ALIGNED | 19);
    g_assert_cmphex(vf.ats, !=, 0);
    cap = ats_cap(&vf);
    g_assert_cmpuint(PCI_ATS_CAP_QDEP(cap), ==, 0);
    g_assert_cmphex(cap & PCI_ATS_CAP_PAGE_ALIGNED, !=, 0);
    ats_assert_reg(&vf, ATS_TESTDEV_ID, ATS_TESTDEV_ID_VALUE);
}

static void test_vf_stu(void)
{
    const uint64_t va = 0x600000000ULL, pa = 0x44200000ULL;
    ATSDev vf;
    Test t;

    start_pf(&t, &vf);
    ats_map_level(&t.m, &t.m.s1, va, pa, S1_RW, 2);

    set_ats_ctrl(&vf, 0x1f);
    g_assert_cmphex(ats_ctrl(&vf), ==, 0);
    set_ats_ctrl(&vf, PCI_ATS_CTRL_ENABLE | 5);
    g_assert_cmphex(ats_ctrl(&vf), ==, PCI_ATS_CTRL_ENABLE);
    ats_assert_reg(&vf, ATS_TESTDEV_STU, 0);
    ats_assert_reg(&vf, ATS_TESTDEV_ENABLED, 1);
    fill_atc(&vf, 1);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_STU, 0);

    /* What is in force is the STU of the PF, whose E is of no importance */
    set_ats_ctrl(&vf, 0);
    set_ats_ctrl(&t.dev, 9);
    ats_assert_reg(&vf, ATS_TESTDEV_STU, 9);
    g_assert_cmphex(ats_ctrl(&vf), ==, 0);
    ats_dev_enable(&vf, 0);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_BAD_SIZE);
    ats_assert_treq(&vf, ATS_TESTDEV_CMD_TREQ, va, pa,
                    ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
}

/* E, the ATC and the counters are of one function each */
static void test_vf_is_separate(void)
{
    ATSDev vf;
    Test t;

    start_pf(&t, &vf);
    ats_dev_enable(&vf, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_DISABLED);
    fill_atc(&vf, 2);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);

    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 3);
    ats_assert_reg(&vf, ATS_TESTDEV_ATC_VALID, 2);
    ats_dev_disable(&t.dev);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_reg(&vf, ATS_TESTDEV_ATC_VALID, 2);
    ats_assert_reg(&vf, ATS_TESTDEV_ENABLED, 1);

    /* The PF would say UR, but is not asked */
    smmu_atc_inv(&t.m, vf.sid, VA, 0);
    ats_assert_reg(&vf, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&vf, ATS_TESTDEV_ATC_VALID, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 0);

    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 3);
    ats_dev_disable(&vf);
    ats_assert_reg(&vf, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 3);
    smmu_atc_inv(&t.m, SID_PF, VA, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&vf, ATS_TESTDEV_INVS_UR, 0);

    /* Bus Master Enable, too */
    ats_dev_enable(&vf, 0);
    set_command(&vf, PCI_COMMAND_MEMORY);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_DISABLED);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_OK);
}

/* What a VF has is gone when VFs have been disabled */
static void test_vf_disabled(void)
{
    uint16_t sriov;
    ATSDev vf;
    Test t;

    start_pf(&t, &vf);
    ats_dev_enable(&vf, 0);
    fill_atc(&vf, 2);
    sriov = ats_find_ext_cap(&t.m, SID_PF, PCI_EXT_CAP_ID_SRIOV);
    ats_cfg_writew(&t.m, SID_PF, sriov + PCI_SRIOV_CTRL, 0);
    ats_cfg_writew(&t.m, SID_PF, sriov + PCI_SRIOV_CTRL,
                   PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
    set_command(&vf, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_pristine(&vf);
    ats_dev_enable(&vf, 0);
    ats_assert_not_cached(&vf, VA);
    fill_atc(&vf, 1);
}

/* Resets */

/* Leave something in everything that a reset has to clear */
static void use(ATSDev *dev, uint8_t stu)
{
    ats_dev_enable(dev, stu);
    fill_atc(dev, 3);
    smmu_atc_inv(dev->m, dev->sid, VA, 0);
    g_assert_cmpuint(ats_cmd_write(dev, ATS_TESTDEV_CMD_WRITE_ATC, VA + 0x1000,
                                   VALUE), ==, ATS_TESTDEV_OK);
    ats_dev_disable(dev);
    smmu_atc_inv(dev->m, dev->sid, VA, 0);
    ats_dev_enable(dev, stu);
    fill_atc(dev, 3);
    ats_assert_reg(dev, ATS_TESTDEV_ENABLED, 1);
    ats_assert_reg(dev, ATS_TESTDEV_TREQS, 6);
    ats_assert_reg(dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(dev, ATS_TESTDEV_INVS_UR, 1);
    ats_assert_reg(dev, ATS_TESTDEV_TRANSLATED, 1);
    ats_assert_reg(dev, ATS_TESTDEV_ATC_VALID, 3);
}

static void test_reset_system(void)
{
    Test t;

    start(&t);
    use(&t.dev, 0);
    qtest_system_reset(t.m.qts);
    ats_machine_was_reset(&t.m);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_COMMAND), ==, 0);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, 0);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    assert_pristine(&t.dev);

    /* E set by hand shows that the ATC has been emptied, not only hidden */
    start_smmu(&t);
    smmu_ste_config(&t.m, SID_PLAIN, CONFIG_S1, EATS_FULL);
    ats_dev_enable(&t.dev, 0);
    ats_assert_not_cached(&t.dev, VA + 0x2000);
    use(&t.dev, 0);
}

static void test_reset_stu(void)
{
    Test t;

    start_disabled(&t);
    ats_dev_enable(&t.dev, 0x1f);
    qtest_system_reset(t.m.qts);
    ats_machine_was_reset(&t.m);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    assert_pristine(&t.dev);

    ats_dev_enable(&t.dev, 0x1f);
    ats_dev_flr(&t.dev);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    assert_pristine(&t.dev);
}

static void test_reset_flr(void)
{
    Test t;

    start(&t);
    use(&t.dev, 0);
    ats_dev_flr(&t.dev);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_COMMAND), ==, 0);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, 0);

    /* An invalidation finds it disabled */
    smmu_atc_inv(&t.m, SID_PLAIN, VA, 0);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 1);
    ats_dev_flr(&t.dev);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    assert_pristine(&t.dev);
    ats_dev_enable(&t.dev, 0);
    ats_assert_not_cached(&t.dev, VA + 0x2000);
    use(&t.dev, 0);
}

static void test_reset_flr_vf(void)
{
    ATSDev vf;
    Test t;

    start_pf(&t, &vf);
    use(&t.dev, 0);
    use(&vf, 0);
    ats_dev_flr(&vf);
    set_command(&vf, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_pristine(&vf);
    ats_dev_enable(&vf, 0);
    ats_assert_not_cached(&vf, VA + 0x2000);

    /* not so the PF */
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 3);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 6);
}

/* ... whose own takes the VF along */
static void test_reset_flr_pf(void)
{
    ATSDev vf;
    Test t;

    start_pf(&t, &vf);
    use(&t.dev, 0);
    use(&vf, 0);
    ats_dev_flr(&t.dev);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    assert_pristine(&t.dev);
    ats_vf_init(&vf, &t.dev);
    assert_pristine(&vf);
    ats_dev_enable(&vf, 0);
    ats_assert_not_cached(&vf, VA + 0x2000);
    use(&t.dev, 0);
    ats_dev_disable(&vf);
    use(&vf, 0);
}

/* PASIDs: what they translate to is for smmuv3-ssid-test */

/* The width, and PASID Enable; a function without has no Capability */
static void test_pasid_cap(void)
{
    uint16_t pasid;
    Test t;

    start_opts(&t, ",pasid-width=3");
    pasid = ats_find_ext_cap(&t.m, SID_PLAIN, PCI_EXT_CAP_ID_PASID);
    g_assert_cmphex(pasid, !=, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pasid + PCI_PASID_CAP), ==,
                    3 << 8);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pasid + PCI_PASID_CTRL), ==,
                    0);
    ats_dev_enable_pasid(&t.dev);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pasid + PCI_PASID_CTRL), ==,
                    PCI_PASID_CTRL_ENABLE);
    ats_dev_flr(&t.dev);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pasid + PCI_PASID_CTRL), ==,
                    0);

    start_disabled(&t);
    g_assert_cmphex(ats_find_ext_cap(&t.m, SID_PLAIN, PCI_EXT_CAP_ID_PASID), ==,
                    0);
}

/* Commands that heed it, and those that cannot be */
static void test_pasid_cmd(void)
{
    static const uint32_t cmds[] = {
        ATS_TESTDEV_CMD_TREQ, ATS_TESTDEV_CMD_TREQ_NW, ATS_TESTDEV_CMD_WRITE,
        ATS_TESTDEV_CMD_READ, ATS_TESTDEV_CMD_WRITE_ATC,
        ATS_TESTDEV_CMD_READ_ATC,
    };
    int i;
    Test t;

    start_opts(&t, ",pasid-width=3");
    ats_dev_enable(&t.dev, 0);
    for (i = 0; i < ARRAY_SIZE(cmds); i++) {
        ats_set_pasid(&t.dev, 8);
        g_assert_cmpuint(ats_cmd(&t.dev, cmds[i], VA, 4), ==,
                         ATS_TESTDEV_BAD_CMD);
        ats_set_pasid(&t.dev, 7);
        g_assert_cmpuint(ats_cmd(&t.dev, cmds[i], VA, 4), ==,
                         ATS_TESTDEV_DISABLED);
    }
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);

    /* attributes cannot tell it from none */
    ats_dev_enable_pasid(&t.dev);
    ats_set_pasid(&t.dev, 0);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_WRITE, VA, 4), ==,
                     ATS_TESTDEV_BAD_CMD);

    start(&t);
    ats_set_pasid(&t.dev, 0);
    g_assert_cmpuint(ats_treq(&t.dev, VA), ==, ATS_TESTDEV_BAD_CMD);
}

/* A VF has no Capability, and that of its PF is for both */
static void test_pasid_vf(void)
{
    ATSDev vf;
    Test t;

    start_pf_opts(&t, &vf, ",pasid-width=3");
    g_assert_cmphex(ats_find_ext_cap(&t.m, vf.sid, PCI_EXT_CAP_ID_PASID), ==,
                    0);
    ats_dev_enable(&vf, 0);
    ats_set_pasid(&vf, 8);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_BAD_CMD);
    ats_set_pasid(&vf, 7);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_DISABLED);
    ats_assert_reg(&vf, ATS_TESTDEV_TREQS, 0);

    /* It is sent, and the SMMU, which has no SubstreamIDs, says no */
    ats_dev_enable_pasid(&t.dev);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_CA);
    ats_assert_reg(&vf, ATS_TESTDEV_TREQS, 1);

    /* To reset the VF takes nothing away from the PF */
    ats_dev_flr(&vf);
    set_command(&vf, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    ats_dev_enable(&vf, 0);
    ats_set_pasid(&vf, 7);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_CA);

    start_pf(&t, &vf);
    ats_dev_enable(&vf, 0);
    ats_set_pasid(&vf, 1);
    g_assert_cmpuint(ats_treq(&vf, VA), ==, ATS_TESTDEV_BAD_CMD);
}

/* CXL r4.0, 8.1.3: the DVSEC that software looks for, and what it says */
static void test_cxl_cache(void)
{
    uint16_t pos;
    Test t;

    start_opts(&t, ",cxl-cache=on,pasid-width=1");
    pos = ats_find_ext_cap(&t.m, SID_PLAIN, PCI_EXT_CAP_ID_DVSEC);
    g_assert_cmphex(pos, !=, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pos + 4), ==, 0x1e98);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pos + 6) >> 4, ==, 0x3c);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pos + 8), ==, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pos + 0xa), ==, 1);
    ats_cfg_writew(&t.m, SID_PLAIN, pos + 0xa, 0xffff);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, pos + 0xa), ==, 1);

    start_disabled(&t);
    g_assert_cmphex(ats_find_ext_cap(&t.m, SID_PLAIN, PCI_EXT_CAP_ID_DVSEC), ==,
                    0);
}

/* Advanced Error Reporting */

#define DLP         4           /* Data Link Protocol Error, fatal */
#define AER_DLP     (1 << DLP)

static void inject(Test *t)
{
    g_autofree char *said = qtest_hmp(t->m.qts, "pcie_aer_inject_error pf0 DLP");

    g_assert_true(g_str_has_prefix(said, "OK"));
}

/* The root port hears of an error if the function may report it */
static void test_aer(void)
{
    uint16_t aer, port_aer;
    uint8_t exp, port_exp;
    ATSDev vf;
    Test t;

    start_pf_opts(&t, &vf, ",aer=on");
    aer = ats_find_ext_cap(&t.m, SID_PF, PCI_EXT_CAP_ID_ERR);
    g_assert_cmphex(aer, !=, 0);
    g_assert_cmphex(ats_find_ext_cap(&t.m, vf.sid, PCI_EXT_CAP_ID_ERR), ==, 0);
    exp = ats_find_cap(&t.m, SID_PF, PCI_CAP_ID_EXP);
    port_aer = ats_find_ext_cap(&t.m, SID_PORT, PCI_EXT_CAP_ID_ERR);
    port_exp = ats_find_cap(&t.m, SID_PORT, PCI_CAP_ID_EXP);
    ats_cfg_writew(&t.m, SID_PORT, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_SERR);
    ats_cfg_writew(&t.m, SID_PORT, port_exp + PCI_EXP_DEVCTL,
                   PCI_EXP_DEVCTL_FERE);

    inject(&t);
    g_assert_cmphex(ats_cfg_readl(&t.m, SID_PF, aer + PCI_ERR_UNCOR_STATUS), ==,
                    AER_DLP);
    g_assert_cmpuint(PCI_ERR_CAP_FEP(ats_cfg_readl(&t.m, SID_PF,
                                                   aer + PCI_ERR_CAP)), ==,
                     DLP);
    g_assert_cmphex(ats_cfg_readl(&t.m, SID_PORT,
                                  port_aer + PCI_ERR_ROOT_STATUS), ==, 0);
    ats_cfg_writel(&t.m, SID_PF, aer + PCI_ERR_UNCOR_STATUS, AER_DLP);
    g_assert_cmphex(ats_cfg_readl(&t.m, SID_PF, aer + PCI_ERR_UNCOR_STATUS), ==,
                    0);
    g_assert_cmpuint(PCI_ERR_CAP_FEP(ats_cfg_readl(&t.m, SID_PF,
                                                   aer + PCI_ERR_CAP)), ==, 0);

    ats_cfg_writew(&t.m, SID_PF, exp + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_FERE);
    inject(&t);
    g_assert_cmphex(ats_cfg_readl(&t.m, SID_PORT,
                                  port_aer + PCI_ERR_ROOT_STATUS), ==,
                    PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_FIRST_FATAL |
                    PCI_ERR_ROOT_FATAL_RCV);
    g_assert_cmphex(ats_cfg_readl(&t.m, SID_PORT,
                                  port_aer + PCI_ERR_ROOT_ERR_SRC) >> 16, ==,
                    SID_PF);
    /* The write that asks for the reset leaves it on */
    ats_cfg_writew(&t.m, SID_PF, exp + PCI_EXP_DEVCTL,
                   PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_BCR_FLR);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PF, exp + PCI_EXP_DEVCTL), ==, 0);

    start_pf(&t, &vf);
    g_assert_cmphex(ats_find_ext_cap(&t.m, SID_PF, PCI_EXT_CAP_ID_ERR), ==, 0);
}

/* Power management */

/* Version 3, without D1, D2 and PME. A VF has none. */
static void test_pm_cap(void)
{
    ATSDev vf;
    Test t;
    uint8_t pm;
    int state;

    start_pf(&t, &vf);
    g_assert_cmphex(ats_find_cap(&t.m, vf.sid, PCI_CAP_ID_PM), ==, 0);
    pm = ats_find_cap(&t.m, SID_PF, PCI_CAP_ID_PM);
    g_assert_cmphex(pm, !=, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PF, pm + PCI_PM_PMC), ==, 3);
    g_assert_cmphex(ats_dev_pmcsr(&t.dev), ==, 0);

    /* A state that there is not leaves it where it is */
    for (state = 0; state < 4; state++) {
        ats_dev_set_power(&t.dev, 0xfffc | state);
        g_assert_cmphex(ats_dev_pmcsr(&t.dev), ==, state == 3 ? 3 : 0);
    }

    start_opts(&t, ",no-soft-reset=on");
    g_assert_cmphex(ats_dev_pmcsr(&t.dev), ==, PCI_PM_CTRL_NO_SOFT_RESET);
    ats_dev_set_power(&t.dev, 0);
    g_assert_cmphex(ats_dev_pmcsr(&t.dev), ==, PCI_PM_CTRL_NO_SOFT_RESET);
}

/* The BAR is gone, but not E, and Invalidate Requests are taken */
static void test_pm_d3hot(void)
{
    Test t;

    start_opts(&t, ",no-soft-reset=on");
    ats_dev_enable(&t.dev, 0);
    fill_atc(&t.dev, 2);
    ats_dev_set_power(&t.dev, 3);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, PCI_ATS_CTRL_ENABLE);
    g_assert_cmphex(ats_read(&t.dev, ATS_TESTDEV_ID), !=, ATS_TESTDEV_ID_VALUE);
    smmu_atc_inv(&t.m, SID_PLAIN, VA, 0);

    ats_dev_set_power(&t.dev, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
    ats_assert_not_cached(&t.dev, VA);
}

/* From D3hot to D0, with nothing lost */
static void test_pm_no_soft_reset(void)
{
    Test t;

    start_opts(&t, ",no-soft-reset=on");
    ats_dev_enable(&t.dev, 0);
    use(&t.dev, 0);
    ats_dev_set_power(&t.dev, 3);
    ats_dev_set_power(&t.dev, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_COMMAND), ==,
                    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 3);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 6);
}

/* ... or as by an FLR, and not earlier than that */
static void test_pm_soft_reset(void)
{
    Test t;

    start(&t);
    use(&t.dev, 0);
    ats_dev_set_power(&t.dev, 3);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, PCI_ATS_CTRL_ENABLE);
    ats_dev_set_power(&t.dev, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, SID_PLAIN, PCI_COMMAND), ==, 0);
    g_assert_cmphex(ats_ctrl(&t.dev), ==, 0);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    assert_pristine(&t.dev);
    ats_dev_enable(&t.dev, 0);
    ats_assert_not_cached(&t.dev, VA + 0x2000);
    use(&t.dev, 0);

    /* a write that does not change the state is none */
    ats_dev_set_power(&t.dev, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 3);
}

/* A VF is in the power state of its PF, whose reset takes it along */
static void test_pm_pf(void)
{
    ATSDev vf;
    Test t;

    start_pf(&t, &vf);
    use(&t.dev, 0);
    use(&vf, 0);
    ats_dev_set_power(&t.dev, 3);
    g_assert_cmphex(ats_ctrl(&vf), ==, PCI_ATS_CTRL_ENABLE);
    g_assert_cmphex(ats_read(&vf, ATS_TESTDEV_ID), !=, ATS_TESTDEV_ID_VALUE);
    smmu_atc_inv(&t.m, vf.sid, VA, 0);
    ats_dev_set_power(&t.dev, 0);
    g_assert_cmphex(ats_cfg_readw(&t.m, vf.sid, PCI_VENDOR_ID), ==, 0xffff);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    ats_vf_init(&vf, &t.dev);
    assert_pristine(&vf);
}

/* ... unless that resets nothing; an FLR wakes both up */
static void test_pm_pf_no_soft_reset(void)
{
    ATSDev vf;
    Test t;

    start_pf_opts(&t, &vf, ",no-soft-reset=on");
    use(&vf, 0);
    ats_dev_set_power(&t.dev, 3);
    smmu_atc_inv(&t.m, vf.sid, VA + 0x1000, 0);
    ats_dev_set_power(&t.dev, 0);
    ats_assert_reg(&vf, ATS_TESTDEV_INVS, 2);
    ats_assert_reg(&vf, ATS_TESTDEV_ATC_VALID, 2);

    ats_dev_set_power(&t.dev, 3);
    ats_dev_flr(&t.dev);
    g_assert_cmphex(ats_dev_pmcsr(&t.dev), ==, PCI_PM_CTRL_NO_SOFT_RESET);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    ats_vf_init(&vf, &t.dev);
    assert_pristine(&vf);
}

/* Without a Translation Agent */
static void test_no_iommu(void)
{
    uint32_t val;
    Test t;

    ats_machine_init(&t.m, VIRT PLAIN(""));
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    ats_dev_enable(&t.dev, 0);
    ats_mem_write(&t.m, PA, 0);
    g_assert_cmpuint(ats_treq(&t.dev, PA), ==, ATS_TESTDEV_UR);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, PA, VALUE),
                     ==, ATS_TESTDEV_OK);
    g_assert_cmphex(ats_mem_read(&t.m, PA), ==, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ, PA, &val), ==,
                     ATS_TESTDEV_OK);
    g_assert_cmphex(val, ==, VALUE);
    ats_dev_flr(&t.dev);
    ats_dev_init(&t.dev, &t.m, SID_PLAIN);
    assert_pristine(&t.dev);
}

/* The ATC would have to go along */
static void test_migration(void)
{
    g_autofree char *with = ats_machine_migrate(VIRT PLAIN(""));
    g_autofree char *without = ats_machine_migrate(VIRT);

    g_assert_nonnull(with);
    g_assert_nonnull(strstr(with ?: "", "ats-testdev"));
    g_assert_null(without);
}

/* Properties that cannot be: the machine starts without, but not with it */
static void test_bad_property(const void *data)
{
    g_autofree char *args = g_strdup_printf("-device ats-testdev,bus=pcie.0,%s",
                                            (const char *)data);
    g_autofree char *good = NULL, *bad = NULL, *err = NULL, *err_bad = NULL;
    gsize size;

    good = ats_machine_dtb("", "-device ats-testdev,bus=pcie.0", &size, &err);
    g_assert_nonnull(good);
    bad = ats_machine_dtb("", args, &size, &err_bad);
    g_assert_null(bad);
}

int main(int argc, char **argv)
{
    int i;
    int ret;

    g_test_init(&argc, &argv, NULL);
    /* A model that is wrong in one thing is to be seen right in the others */
    g_test_set_nonfatal_assertions();

    if (!qtest_has_machine("virt") || !qtest_has_device("ats-testdev") ||
        !qtest_has_device("arm-smmuv3")) {
        return g_test_run();
    }

    qtest_add_func("/ats-testdev/ids", test_ids);
    for (i = 0; i < ARRAY_SIZE(caps); i++) {
        g_autofree char *path = g_strdup_printf("/ats-testdev/cap/%s",
                                                caps[i].name);

        qtest_add_data_func(path, &caps[i], test_cap);
    }
    qtest_add_func("/ats-testdev/cap/e-and-stu-are-writable", test_ctrl);
    qtest_add_func("/ats-testdev/cap/ats-off-has-none", test_no_cap);
    qtest_add_data_func("/ats-testdev/cap/inv-queue-depth-32-is-refused",
                        "inv-queue-depth=32", test_bad_property);
    qtest_add_data_func("/ats-testdev/atc/size-0-is-refused", "atc-size=0",
                        test_bad_property);

    qtest_add_func("/ats-testdev/registers/access", test_registers_access);
    qtest_add_func("/ats-testdev/registers/buffer", test_registers_buffer);
    qtest_add_func("/ats-testdev/bad-cmd", test_bad_cmd);

    for (i = 0; i < ARRAY_SIZE(copies); i++) {
        g_autofree char *path = g_strdup_printf("/ats-testdev/copy/%s",
                                                copies[i].name);

        qtest_add_data_func(path, &copies[i], test_copy);
    }
    qtest_add_func("/ats-testdev/copy/aborted", test_copy_aborted);

    qtest_add_func("/ats-testdev/disabled/e-clear", test_disabled_e);
    qtest_add_func("/ats-testdev/disabled/bus-master-enable-clear",
                   test_disabled_bme);

    qtest_add_func("/ats-testdev/atc/has-what-was-granted", test_atc_hit);
    qtest_add_func("/ats-testdev/atc/miss-in-part", test_atc_miss_in_part);
    qtest_add_func("/ats-testdev/atc/denies-what-was-not-granted",
                   test_atc_denied);
    qtest_add_func("/ats-testdev/atc/negative-answers-are-not-cached",
                   test_atc_negative);
    qtest_add_func("/ats-testdev/atc/flush", test_atc_flush);
    qtest_add_func("/ats-testdev/atc/size", test_atc_size);
    qtest_add_func("/ats-testdev/atc/e-cleared-empties-it",
                   test_atc_e_cleared);

    qtest_add_func("/ats-testdev/stu/smaller-pages-are-bad-size",
                   test_stu_pages_too_small);
    qtest_add_func("/ats-testdev/stu/block-of-the-size-is-cached",
                   test_stu_blocks);
    qtest_add_func("/ats-testdev/stu/nothing-granted-is-of-the-stu",
                   test_stu_denied);

    qtest_add_func("/ats-testdev/inv/is-counted-and-obeyed",
                   test_inv_counters);
    qtest_add_func("/ats-testdev/inv/ignore-inv", test_inv_ignored);

    qtest_add_func("/ats-testdev/vf/capability", test_vf_cap);
    qtest_add_func("/ats-testdev/vf/stu-is-hardwired", test_vf_stu);
    qtest_add_func("/ats-testdev/vf/has-its-own-e-and-atc",
                   test_vf_is_separate);
    qtest_add_func("/ats-testdev/vf/disabled-is-reset", test_vf_disabled);

    qtest_add_func("/ats-testdev/reset/system", test_reset_system);
    qtest_add_func("/ats-testdev/reset/stu", test_reset_stu);
    qtest_add_func("/ats-testdev/reset/flr", test_reset_flr);
    qtest_add_func("/ats-testdev/reset/flr-of-vf-leaves-pf",
                   test_reset_flr_vf);
    qtest_add_func("/ats-testdev/reset/flr-of-pf-takes-vf",
                   test_reset_flr_pf);

    qtest_add_func("/ats-testdev/pasid/capability", test_pasid_cap);
    qtest_add_func("/ats-testdev/pasid/commands", test_pasid_cmd);
    qtest_add_func("/ats-testdev/pasid/vf", test_pasid_vf);
    qtest_add_data_func("/ats-testdev/pasid/width-9-is-refused",
                        "pasid-width=9", test_bad_property);

    qtest_add_func("/ats-testdev/cxl-cache", test_cxl_cache);
    qtest_add_func("/ats-testdev/aer", test_aer);

    qtest_add_func("/ats-testdev/pm/capability", test_pm_cap);
    qtest_add_func("/ats-testdev/pm/d3hot-takes-invalidations", test_pm_d3hot);
    qtest_add_func("/ats-testdev/pm/no-soft-reset-leaves-all",
                   test_pm_no_soft_reset);
    qtest_add_func("/ats-testdev/pm/d3hot-to-d0-is-a-reset",
                   test_pm_soft_reset);
    qtest_add_func("/ats-testdev/pm/vf-sleeps-with-its-pf", test_pm_pf);
    qtest_add_func("/ats-testdev/pm/vf-wakes-with-its-pf",
                   test_pm_pf_no_soft_reset);

    qtest_add_func("/ats-testdev/no-iommu", test_no_iommu);
    qtest_add_func("/ats-testdev/migration-is-refused", test_migration);

    ret = g_test_run();
    ats_machine_quit();
    return ret;
}
