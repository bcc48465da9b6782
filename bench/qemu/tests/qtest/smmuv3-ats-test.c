/*
 * QTest testcase for PCIe ATS of the Arm SMMUv3
 *
 * The expectations are the tables of the Arm SMMU architecture specification
 * (IHI 0070), mostly those of "Responses to ATS Translation Requests" and
 * "Handling of ATS Translated transactions". ats-testdev makes the requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "standard-headers/linux/qemu_fw_cfg.h"
#include "ats-testdev-qtest.h"

#define MACHINE     "-machine virt,iommu=smmuv3,gic-version=3 -cpu max " \
                    "-nodefaults "
#define DEVICES     "-device pcie-root-port,id=rp0,bus=pcie.0,addr=0x3," \
                    "chassis=1 " \
                    "-device ats-testdev,id=vf0,bus=rp0,addr=0x0.0x1," \
                    "sriov-pf=pf0 " \
                    "-device ats-testdev,id=pf0,bus=rp0,addr=0x0.0x0 " \
                    "-device ats-testdev,id=d0,bus=pcie.0,addr=0x4 "
#define ATS_ON      "-global arm-smmuv3.ats=on "
#define WITH_ATS    MACHINE ATS_ON DEVICES
#define WITHOUT_ATS MACHINE DEVICES

#define SID_PORT    0x018
#define SID_D       0x020
#define SID_PF      0x100
#define SID_VF      0x101

/*
 * The one address that most cases use, and where it goes by the stages that
 * translate it. The address is one of memory as well, so that a request that
 * passes untranslated can be told from one that does not pass.
 */
#define IOVA        (ATS_DATA + 0x40000)
#define PA_S1       (ATS_DATA + 0x10000)    /* stage 1; the IPA if nested */
#define PA_S2       (ATS_DATA + 0x30000)    /* stage 2 */
#define PA_NESTED   (ATS_DATA + 0x20000)    /* stage 1, then stage 2 */

#define VA_LAST         0xfffffffff000ULL       /* the last page of TTB0 */
#define VA_HIGH         0xffff000000000000ULL   /* the first one of TTB1 */
#define VA_HIGH_LAST    0xfffffffffffff000ULL

#define PERM_NONE   0
#define PERM_R      ATS_TESTDEV_PERM_R
#define PERM_W      ATS_TESTDEV_PERM_W
#define PERM_RW     (PERM_R | PERM_W)

#define VALUE       0xdeadbeefU

typedef struct Test {
    ATSMachine m;
    ATSDev dev;         /* the PF, ATS enabled */
} Test;

static const uint64_t places[] = { IOVA, PA_S1, PA_S2, PA_NESTED };

static uint64_t pa_of(unsigned config)
{
    switch (config) {
    case CONFIG_S1:
        return PA_S1;
    case CONFIG_S2:
        return PA_S2;
    case CONFIG_NESTED:
        return PA_NESTED;
    default:
        return IOVA;
    }
}

/* Nothing, at @off of all the places, so that what lands there is seen */
static void clear_places(Test *t, uint64_t off)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(places); i++) {
        ats_mem_write(&t->m, places[i] + off, 0);
    }
}

/* @value is at @off of @place and nowhere else; @place 0: nowhere at all */
static void assert_landed(Test *t, uint64_t place, uint64_t off,
                          uint64_t value)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(places); i++) {
        g_assert_cmphex(ats_mem_read(&t->m, places[i] + off), ==,
                        places[i] == place ? value : 0);
    }
}

static void map_places(Test *t, uint64_t s1_attrs, uint64_t s2_attrs)
{
    ats_map(&t->m, &t->m.s1, IOVA, PA_S1, s1_attrs);
    ats_map(&t->m, &t->m.s2, PA_S1, PA_NESTED, s2_attrs);
    ats_map(&t->m, &t->m.s2, IOVA, PA_S2, s2_attrs);
}

static void start_args(Test *t, const char *args)
{
    ats_machine_init(&t->m, args);
    ats_port_init(&t->m, SID_PORT, SID_PF >> 8);
    ats_dev_init(&t->dev, &t->m, SID_PF);
    ats_dev_enable(&t->dev, 0);
    smmu_init(&t->m);
    map_places(t, S1_RW, S2_RW);
    clear_places(t, 0);
}

static void start(Test *t, unsigned config, unsigned eats, uint32_t cr0)
{
    start_args(t, WITH_ATS);
    smmu_cr0(&t->m, cr0);
    smmu_ste_config(&t->m, SID_PF, config, eats);
}

/* Everything as it has to be for ATS, with the translation by stage 1 */
static void start_stage1(Test *t)
{
    start(t, CONFIG_S1, EATS_FULL, CR0_ALL);
}

static bool config_aborts(unsigned config)
{
    return !(config & 4);
}

static bool config_translates(unsigned config)
{
    return config > CONFIG_BYPASS;
}

/* 5.2, STE.EATS: NS1ATS is 1, and DPT is 0 */
static bool ste_is_illegal(unsigned config, unsigned eats)
{
    return config_translates(config) && eats == EATS_SPLIT;
}

static unsigned effective_eats(unsigned config, unsigned eats)
{
    return config_translates(config) && eats == EATS_FULL ? EATS_FULL
                                                          : EATS_NONE;
}

/* Configuration by configuration */

typedef union Row {
    struct {
        uint8_t config, eats, atschk;
    };
    gpointer p;
} Row;

static void test_treq_config(const void *data)
{
    Row row = { .p = (gpointer)data };
    Test t;

    start(&t, row.config, row.eats,
          row.atschk ? CR0_ALL : CR0_ALL & ~CR0_ATSCHK);

    if (config_aborts(row.config)) {
        g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
        smmu_assert_no_event(&t.m);
    } else if (ste_is_illegal(row.config, row.eats)) {
        g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_CA);
        smmu_assert_no_event(&t.m);
    } else if (!effective_eats(row.config, row.eats)) {
        g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
        smmu_assert_bad_treq(&t.m, SID_PF, IOVA);
    } else {
        ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA + 0x123,
                        pa_of(row.config) + 0x123, PERM_RW);
        smmu_assert_no_event(&t.m);
        ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
        return;
    }
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_not_cached(&t.dev, IOVA);
}

static void test_translated_config(const void *data)
{
    Row row = { .p = (gpointer)data };
    bool passes = !row.atschk || effective_eats(row.config, row.eats);
    bool silent = config_aborts(row.config) ||
                  ste_is_illegal(row.config, row.eats);
    uint32_t val;
    Test t;

    start(&t, row.config, row.eats,
          row.atschk ? CR0_ALL : CR0_ALL & ~CR0_ATSCHK);

    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==,
                     passes ? ATS_TESTDEV_OK : ATS_TESTDEV_ABORTED);
    assert_landed(&t, passes ? IOVA : 0, 0, VALUE);
    if (passes || silent) {
        smmu_assert_no_event(&t.m);
    } else {
        smmu_assert_forbidden(&t.m, SID_PF, IOVA, false);
    }

    ats_mem_write(&t.m, IOVA + 0x48, ~VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_FORGED,
                                  IOVA + 0x48, &val), ==,
                     passes ? ATS_TESTDEV_OK : ATS_TESTDEV_ABORTED);
    if (passes) {
        g_assert_cmphex(val, ==, ~VALUE);
    } else {
        g_assert_cmphex(val, !=, ~VALUE);
    }
    if (passes || silent) {
        smmu_assert_no_event(&t.m);
    } else {
        smmu_assert_forbidden(&t.m, SID_PF, IOVA + 0x48, true);
    }
}

/* What EATS is has no effect on others, but for an STE that is ILLEGAL */
static void test_ordinary_config(const void *data)
{
    Row row = { .p = (gpointer)data };
    bool illegal = ste_is_illegal(row.config, row.eats);
    bool passes = !config_aborts(row.config) && !illegal;
    uint64_t event[4];
    Test t;

    start(&t, row.config, row.eats, CR0_ALL);

    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                   VALUE), ==,
                     passes ? ATS_TESTDEV_OK : ATS_TESTDEV_ABORTED);
    assert_landed(&t, passes ? pa_of(row.config) : 0, 0, VALUE);
    smmu_assert_event(&t.m, illegal ? C_BAD_STE : EVT_NONE, SID_PF, event);
}

/* Translation Requests that meet what is broken */

typedef struct Broken {
    const char *name;
    unsigned config;
    void (*make)(Test *t);
    unsigned event;         /* that an ordinary transaction leaves */
    bool ste;               /* the STE is not got, or not a valid one */
} Broken;

static void set_strtab(Test *t, uint64_t base, uint32_t cfg)
{
    smmu_cr0(&t->m, CR0_ALL & ~CR0_SMMUEN);
    smmu_writeq(&t->m, SMMU_STRTAB_BASE, base);
    smmu_write(&t->m, SMMU_STRTAB_BASE_CFG, cfg);
    smmu_cr0(&t->m, CR0_ALL);
    smmu_cfgi(&t->m, SID_PF);
}

/* Two levels, 256 STEs of the second for each descriptor of the first */
static void set_strtab_2lvl(Test *t, uint64_t base, uint64_t l1std)
{
    ATSSte ste = smmu_ste(&t->m, CONFIG_S1, EATS_FULL);

    qtest_memset(t->m.qts, ATS_STRTAB_L1, 0, 0x1000);
    qtest_memset(t->m.qts, ATS_STRTAB_L2, 0, 64 << 8);
    ats_mem_write(&t->m, ATS_STRTAB_L1 + 8 * (SID_PF >> 8), l1std);
    smmu_ste_write(&t->m, ATS_STRTAB_L2 + 64 * (SID_PF & 0xff), &ste);
    set_strtab(t, base, ATS_STRTAB_LOG2 | 8 << 6 | 1 << 16);
}

static void break_sid_range(Test *t)
{
    set_strtab(t, ATS_STRTAB, 8);
}

static void break_l1std_span(Test *t)
{
    set_strtab_2lvl(t, ATS_STRTAB_L1, ATS_STRTAB_L2);
}

static void break_l1std_fetch(Test *t)
{
    set_strtab_2lvl(t, ATS_NOTHING, 0);
}

static void break_l2_fetch(Test *t)
{
    set_strtab_2lvl(t, ATS_STRTAB_L1, ATS_NOTHING | 9);
}

static void break_ste_fetch(Test *t)
{
    set_strtab(t, ATS_NOTHING, ATS_STRTAB_LOG2);
}

static void break_ste_invalid(Test *t)
{
    ATSSte ste = smmu_ste(&t->m, CONFIG_S1, EATS_FULL);

    ste.d[0] &= ~STE_V;
    smmu_ste_set(&t->m, SID_PF, &ste);
}

static void break_ste_s1stalld(Test *t)
{
    ATSSte ste = smmu_ste(&t->m, CONFIG_S1, EATS_FULL);

    ste.d[1] |= STE1_S1STALLD;
    smmu_ste_set(&t->m, SID_PF, &ste);
}

static void break_ste_s2tg(Test *t)
{
    ATSSte ste = smmu_ste(&t->m, CONFIG_S2, EATS_FULL);

    ste.d[2] |= STE2_S2TG_RESERVED;
    smmu_ste_set(&t->m, SID_PF, &ste);
}

static void break_cd_fetch(Test *t)
{
    ATSSte ste = smmu_ste(&t->m, CONFIG_S1, EATS_FULL);

    ste.d[0] += ATS_NOTHING - ATS_CD;
    smmu_ste_set(&t->m, SID_PF, &ste);
}

static void break_cd(Test *t, uint64_t set, uint64_t clear)
{
    ATSCd cd = smmu_cd(&t->m);

    cd.d[0] = (cd.d[0] & ~clear) | set;
    smmu_cd_set(&t->m, &cd);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_cd_invalid(Test *t)
{
    break_cd(t, 0, CD_V);
}

static void break_cd_tg0(Test *t)
{
    break_cd(t, CD_TG0(3), 0);
}

static void break_s1_table(Test *t)
{
    ats_mem_write(&t->m, ats_desc_addr(&t->m, &t->m.s1, IOVA, 2),
                  ATS_NOTHING | PTE_TABLE);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s2_table(Test *t)
{
    ats_mem_write(&t->m, ats_desc_addr(&t->m, &t->m.s2, IOVA, 2),
                  ATS_NOTHING | PTE_TABLE);
    smmu_cfgi(&t->m, SID_PF);
}

/* The stage 2 table that stage 1's tables are to be reached by */
static void break_s2_table_of_s1_tables(Test *t)
{
    ats_mem_write(&t->m, ats_desc_addr(&t->m, &t->m.s2, ATS_S1_TABLES, 2),
                  ATS_NOTHING | PTE_TABLE);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s2_table_of_cd(Test *t)
{
    ats_mem_write(&t->m, ats_desc_addr(&t->m, &t->m.s2, ATS_CD, 2),
                  ATS_NOTHING | PTE_TABLE);
    smmu_cfgi(&t->m, SID_PF);
}

/* An IPA of a stage 1 table that stage 2 maps to where nothing is */
static void break_s1_table_pa(Test *t)
{
    ats_map_level(&t->m, &t->m.s2, ATS_S1_TABLES, ATS_NOTHING, S2_RW, 2);
    smmu_cfgi(&t->m, SID_PF);
}

static const Broken configuration_errors[] = {
    { "stream-id-out-of-range", CONFIG_S1, break_sid_range,
      C_BAD_STREAMID, true },
    { "l1std-span-0", CONFIG_S1, break_l1std_span, C_BAD_STREAMID, true },
    { "l1std-fetch", CONFIG_S1, break_l1std_fetch, F_STE_FETCH, true },
    { "ste-fetch", CONFIG_S1, break_ste_fetch, F_STE_FETCH, true },
    { "ste-fetch-level-2", CONFIG_S1, break_l2_fetch, F_STE_FETCH, true },
    { "ste-invalid", CONFIG_S1, break_ste_invalid, C_BAD_STE, true },
    { "ste-illegal-stage-1", CONFIG_S1, break_ste_s1stalld, C_BAD_STE, true },
    { "ste-illegal-stage-2", CONFIG_S2, break_ste_s2tg, C_BAD_STE, true },
    { "cd-fetch", CONFIG_S1, break_cd_fetch, F_CD_FETCH },
    { "cd-invalid", CONFIG_S1, break_cd_invalid, C_BAD_CD },
    { "cd-illegal", CONFIG_S1, break_cd_tg0, C_BAD_CD },
    { "cd-invalid-nested", CONFIG_NESTED, break_cd_invalid, C_BAD_CD },
    { "walk-abort-stage-1", CONFIG_S1, break_s1_table, F_WALK_EABT },
    { "walk-abort-stage-2", CONFIG_S2, break_s2_table, F_WALK_EABT },
    { "walk-abort-stage-2-of-cd", CONFIG_NESTED, break_s2_table_of_cd,
      F_WALK_EABT },
    { "walk-abort-stage-2-of-stage-1-table", CONFIG_NESTED,
      break_s2_table_of_s1_tables, F_WALK_EABT },
    { "walk-abort-stage-1-nested", CONFIG_NESTED, break_s1_table_pa,
      F_WALK_EABT },
};

static void assert_ordinary_write_fails(Test *t, unsigned type)
{
    uint64_t event[4];

    g_assert_cmpuint(ats_cmd_write(&t->dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(t, 0, 0, 0);
    smmu_assert_event(&t->m, type, SID_PF, event);
    if (type >= F_WALK_EABT) {
        g_assert_cmphex(event[2], ==, IOVA);
    }
}

static void test_treq_error(const void *data)
{
    const Broken *b = data;
    Test t;

    start(&t, b->config, EATS_FULL, CR0_ALL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, pa_of(b->config),
                    PERM_RW);
    ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);
    b->make(&t);

    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_CA);
    smmu_assert_no_event(&t.m);
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_TREQ_NW, IOVA, 1), ==,
                     ATS_TESTDEV_CA);
    smmu_assert_no_event(&t.m);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_not_cached(&t.dev, IOVA);

    /* It is what it is meant to be, and the queue does record */
    assert_ordinary_write_fails(&t, b->event);
}

static void test_translated_error(const void *data)
{
    const Broken *b = data;
    Test t;

    start(&t, b->config, EATS_FULL, CR0_ALL);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    clear_places(&t, 0);
    b->make(&t);

    /* No more than the STE is looked at */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==,
                     b->ste ? ATS_TESTDEV_ABORTED : ATS_TESTDEV_OK);
    assert_landed(&t, b->ste ? 0 : IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
    clear_places(&t, 0);

    /* ... and not even that */
    smmu_cr0(&t.m, CR0_ALL & ~CR0_ATSCHK);
    smmu_cfgi(&t.m, SID_PF);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
}

/* Without IDR0.ATSRECERR, CR2.REC_CFG_ATS is RES0 */
static void test_treq_rec_cfg_ats(void)
{
    Test t;

    start_args(&t, WITH_ATS);
    g_assert_cmphex(smmu_read(&t.m, SMMU_IDR0) & IDR0_ATSRECERR, ==, 0);
    smmu_write(&t.m, SMMU_CR2, CR2_RECINVSID | CR2_REC_CFG_ATS);
    smmu_cr0(&t.m, CR0_ALL);
    break_ste_invalid(&t);

    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_CA);
    smmu_assert_no_event(&t.m);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    smmu_assert_no_event(&t.m);
    assert_ordinary_write_fails(&t, C_BAD_STE);
}

static void break_s1_page(Test *t)
{
    ats_unmap(&t->m, &t->m.s1, IOVA);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s1_root(Test *t)
{
    ats_unmap_level(&t->m, &t->m.s1, IOVA, 0);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s1_epd0(Test *t)
{
    break_cd(t, CD_EPD0, 0);
}

static void break_s1_af(Test *t)
{
    ats_map(&t->m, &t->m.s1, IOVA, PA_S1, S1_RW & ~PTE_AF);
    smmu_cfgi(&t->m, SID_PF);
}

/* Beyond IPS, which is capped to the OAS: 44 bits */
static void break_s1_oa(Test *t)
{
    ats_map(&t->m, &t->m.s1, IOVA, 1ULL << 44 | PA_S1, S1_RW);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s2_page(Test *t)
{
    ats_unmap(&t->m, &t->m.s2, IOVA);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s2_af(Test *t)
{
    ats_map(&t->m, &t->m.s2, IOVA, PA_S2, S2_RW & ~PTE_AF);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_s2_oa(Test *t)
{
    ats_map(&t->m, &t->m.s2, IOVA, 1ULL << 44 | PA_S2, S2_RW);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_nested_ipa(Test *t)
{
    ats_unmap(&t->m, &t->m.s2, PA_S1);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_nested_af(Test *t)
{
    ats_map(&t->m, &t->m.s2, PA_S1, PA_NESTED, S2_RW & ~PTE_AF);
    smmu_cfgi(&t->m, SID_PF);
}

/* An IPA beyond the 39 bits of stage 2 */
static void break_nested_ipa_size(Test *t)
{
    ats_map(&t->m, &t->m.s1, IOVA, 1ULL << 40 | PA_S1, S1_RW);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_nested_tables(Test *t)
{
    ats_unmap_level(&t->m, &t->m.s2, ATS_S1_TABLES, 2);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_nested_tables_read(Test *t)
{
    ats_map_level(&t->m, &t->m.s2, ATS_S1_TABLES, ATS_S1_TABLES, S2_WO, 2);
    smmu_cfgi(&t->m, SID_PF);
}

/* The root is read, another table cannot be */
static void break_nested_level1(Test *t)
{
    ats_mem_write(&t->m, ats_desc_addr(&t->m, &t->m.s1, IOVA, 0),
                  (ATS_DATA + 0x800000) | PTE_TABLE);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_nested_cd(Test *t)
{
    ats_unmap_level(&t->m, &t->m.s2, ATS_CD, 2);
    smmu_cfgi(&t->m, SID_PF);
}

static void break_nested_cd_read(Test *t)
{
    ats_map_level(&t->m, &t->m.s2, ATS_CD, ATS_CD, S2_WO, 2);
    smmu_cfgi(&t->m, SID_PF);
}

static const Broken translation_faults[] = {
    { "translation-stage-1", CONFIG_S1, break_s1_page, F_TRANSLATION },
    { "translation-stage-1-root", CONFIG_S1, break_s1_root, F_TRANSLATION },
    { "translation-stage-1-epd0", CONFIG_S1, break_s1_epd0, F_TRANSLATION },
    { "access-stage-1", CONFIG_S1, break_s1_af, F_ACCESS },
    { "address-size-stage-1", CONFIG_S1, break_s1_oa, F_ADDR_SIZE },
    { "translation-stage-2", CONFIG_S2, break_s2_page, F_TRANSLATION },
    { "access-stage-2", CONFIG_S2, break_s2_af, F_ACCESS },
    { "address-size-stage-2", CONFIG_S2, break_s2_oa, F_ADDR_SIZE },
    { "translation-nested-stage-1", CONFIG_NESTED, break_s1_page,
      F_TRANSLATION },
    { "access-nested-stage-1", CONFIG_NESTED, break_s1_af, F_ACCESS },
    { "address-size-nested-stage-1", CONFIG_NESTED, break_s1_oa, F_ADDR_SIZE },
    { "translation-nested-stage-2", CONFIG_NESTED, break_nested_ipa,
      F_TRANSLATION },
    { "access-nested-stage-2", CONFIG_NESTED, break_nested_af, F_ACCESS },
    { "translation-nested-ipa-size", CONFIG_NESTED, break_nested_ipa_size,
      F_TRANSLATION },
    { "translation-of-stage-1-root", CONFIG_NESTED, break_nested_tables,
      F_TRANSLATION },
    { "permission-of-stage-1-root", CONFIG_NESTED, break_nested_tables_read,
      F_PERMISSION },
    { "translation-of-stage-1-table", CONFIG_NESTED, break_nested_level1,
      F_TRANSLATION },
    { "translation-of-cd", CONFIG_NESTED, break_nested_cd, F_TRANSLATION },
    { "permission-of-cd", CONFIG_NESTED, break_nested_cd_read, F_PERMISSION },
};

/* Success, and nothing is granted; the size of the answer is the STU */
static void test_treq_fault(const void *data)
{
    const Broken *b = data;
    Test t;

    start(&t, b->config, EATS_FULL, CR0_ALL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, pa_of(b->config),
                    PERM_RW);
    ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);
    b->make(&t);

    ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_SHIFT, 12);
    smmu_assert_no_event(&t.m);
    ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ_NW, IOVA);
    smmu_assert_no_event(&t.m);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);

    assert_ordinary_write_fails(&t, b->event);
}

/* Addresses that no table can map */
static void test_treq_fault_input(const void *data)
{
    static const uint64_t inputs[] = {
        1ULL << 48, 1ULL << 48 | IOVA, 1ULL << 55, 0xfffeffffffffe000ULL,
        /* only with stage 1 disabled */
        1ULL << 39 | IOVA, 1ULL << 44 | IOVA, VA_HIGH, VA_HIGH_LAST,
    };
    unsigned config = GPOINTER_TO_UINT(data);
    Test t;
    int i;

    start(&t, config, EATS_FULL, CR0_ALL);
    for (i = 0; i < (config == CONFIG_S2 ? ARRAY_SIZE(inputs) : 4); i++) {
        ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ, inputs[i]);
        smmu_assert_no_event(&t.m);
        ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ_NW, inputs[i]);
        smmu_assert_no_event(&t.m);
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE,
                                       inputs[i], VALUE), ==,
                         ATS_TESTDEV_ABORTED);
        smmu_drop_events(&t.m);
    }
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
}

/* What is granted is what the tables allow */

typedef struct Perm {
    const char *name;
    unsigned config;
    uint64_t s1, s2;        /* attributes of the pages */
    unsigned perm;
} Perm;

static const Perm perms[] = {
    { "stage-1-rw", CONFIG_S1, S1_RW, S2_NO, PERM_RW },
    { "stage-1-ro", CONFIG_S1, S1_RO, S2_RW, PERM_R },
    { "stage-2-rw", CONFIG_S2, S1_RO, S2_RW, PERM_RW },
    { "stage-2-ro", CONFIG_S2, S1_RW, S2_RO, PERM_R },
    { "stage-2-wo", CONFIG_S2, S1_RW, S2_WO, PERM_W },
    { "stage-2-none", CONFIG_S2, S1_RW, S2_NO, PERM_NONE },
    { "nested-rw-rw", CONFIG_NESTED, S1_RW, S2_RW, PERM_RW },
    { "nested-rw-ro", CONFIG_NESTED, S1_RW, S2_RO, PERM_R },
    { "nested-rw-wo", CONFIG_NESTED, S1_RW, S2_WO, PERM_W },
    { "nested-rw-none", CONFIG_NESTED, S1_RW, S2_NO, PERM_NONE },
    { "nested-ro-rw", CONFIG_NESTED, S1_RO, S2_RW, PERM_R },
    { "nested-ro-ro", CONFIG_NESTED, S1_RO, S2_RO, PERM_R },
    { "nested-ro-wo", CONFIG_NESTED, S1_RO, S2_WO, PERM_NONE },
};

static void start_perm(Test *t, const Perm *p)
{
    start(t, p->config, EATS_FULL, CR0_ALL);
    map_places(t, p->s1, p->s2);
    smmu_tlbi_all(&t->m);
}

/* The request, with what it is to grant */
static void assert_perm(Test *t, const Perm *p, unsigned cmd, unsigned perm)
{
    if (perm) {
        ats_assert_treq(&t->dev, cmd, IOVA, pa_of(p->config), perm);
    } else {
        ats_assert_treq_denied(&t->dev, cmd, IOVA);
    }
    ats_assert_reg(&t->dev, ATS_TESTDEV_ATC_VALID, perm ? 1 : 0);
    smmu_assert_no_event(&t->m);
}

static void test_treq_perm(const void *data)
{
    const Perm *p = data;
    uint64_t pa = pa_of(p->config);
    uint32_t val;
    Test t;

    start_perm(&t, p);
    assert_perm(&t, p, ATS_TESTDEV_CMD_TREQ, p->perm);

    /* The device may do that much, and no more */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==,
                     !p->perm ? ATS_TESTDEV_MISS :
                     p->perm & PERM_W ? ATS_TESTDEV_OK : ATS_TESTDEV_DENIED);
    assert_landed(&t, p->perm & PERM_W ? pa : 0, 0, VALUE);
    ats_mem_write(&t.m, pa, ~VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC, IOVA,
                                  &val), ==,
                     !p->perm ? ATS_TESTDEV_MISS :
                     p->perm & PERM_R ? ATS_TESTDEV_OK : ATS_TESTDEV_DENIED);
    g_assert_cmphex(val, ==, p->perm & PERM_R ? ~VALUE : 0);
    smmu_assert_no_event(&t.m);
}

/* Not to ask for W: it is not given, though it might be */
static void test_treq_perm_nw(const void *data)
{
    const Perm *p = data;
    Test t;

    start_perm(&t, p);
    assert_perm(&t, p, ATS_TESTDEV_CMD_TREQ_NW, p->perm & PERM_R);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==,
                     p->perm & PERM_R ? ATS_TESTDEV_DENIED : ATS_TESTDEV_MISS);
    assert_landed(&t, 0, 0, 0);
}

/* The same, with what ordinary transactions have left in the SMMU's TLB */
static void test_treq_perm_tlb(const void *data)
{
    const Perm *p = data;
    uint64_t pa = pa_of(p->config);
    uint32_t val;
    Test t;

    start_perm(&t, p);
    ats_mem_write(&t.m, pa, ~VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ, IOVA, &val),
                     ==, p->perm & PERM_R ? ATS_TESTDEV_OK :
                     ATS_TESTDEV_ABORTED);
    clear_places(&t, 0);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                   VALUE), ==,
                     p->perm & PERM_W ? ATS_TESTDEV_OK : ATS_TESTDEV_ABORTED);
    assert_landed(&t, p->perm & PERM_W ? pa : 0, 0, VALUE);

    /* What is recorded of these is not the matter here */
    smmu_drop_events(&t.m);
    assert_perm(&t, p, ATS_TESTDEV_CMD_TREQ, p->perm);

    /* ... and the other way round */
    clear_places(&t, 0);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                   VALUE), ==,
                     p->perm & PERM_W ? ATS_TESTDEV_OK : ATS_TESTDEV_ABORTED);
    assert_landed(&t, p->perm & PERM_W ? pa : 0, 0, VALUE);
}

/* A table that forbids writes to what is below it: APTable[1] */
static void test_treq_perm_table(void)
{
    uint64_t desc_addr;
    Test t;
    int i;

    start_stage1(&t);
    desc_addr = ats_desc_addr(&t.m, &t.m.s1, IOVA, 2);
    ats_mem_write(&t.m, desc_addr,
                  ats_mem_read(&t.m, desc_addr) | PTE_APTABLE_RO);
    smmu_tlbi_all(&t.m);

    /* What the SMMU's TLB has of it, from the second time on, is the same */
    for (i = 0; i < 3; i++) {
        ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_R);
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                       IOVA, VALUE), ==, ATS_TESTDEV_DENIED);
        assert_landed(&t, 0, 0, 0);
        ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);
    }
    smmu_assert_no_event(&t.m);
}

/* What one translation covers */

typedef struct Size {
    const char *name;
    unsigned config;
    int granule;            /* of stage 1 */
    int level1, level2;     /* of the page or block */
    int shift;
} Size;

static const Size sizes[] = {
    { "stage-1-4k", CONFIG_S1, 12, 3, 3, 12 },
    { "stage-1-2m", CONFIG_S1, 12, 2, 3, 21 },
    { "stage-1-1g", CONFIG_S1, 12, 1, 3, 30 },
    { "stage-1-16k", CONFIG_S1, 14, 3, 3, 14 },
    { "stage-1-32m", CONFIG_S1, 14, 2, 3, 25 },
    { "stage-1-64k", CONFIG_S1, 16, 3, 3, 16 },
    { "stage-1-512m", CONFIG_S1, 16, 2, 3, 29 },
    { "stage-2-4k", CONFIG_S2, 12, 3, 3, 12 },
    { "stage-2-2m", CONFIG_S2, 12, 3, 2, 21 },
    { "stage-2-1g", CONFIG_S2, 12, 3, 1, 30 },
    { "nested-4k-4k", CONFIG_NESTED, 12, 3, 3, 12 },
    { "nested-4k-2m", CONFIG_NESTED, 12, 3, 2, 12 },
    { "nested-2m-4k", CONFIG_NESTED, 12, 2, 3, 12 },
    { "nested-2m-2m", CONFIG_NESTED, 12, 2, 2, 21 },
    { "nested-1g-2m", CONFIG_NESTED, 12, 1, 2, 21 },
    { "nested-64k-4k", CONFIG_NESTED, 16, 3, 3, 12 },
    { "nested-64k-2m", CONFIG_NESTED, 16, 3, 2, 16 },
};

static void test_treq_size(const void *data)
{
    const Size *s = data;
    /* All are aligned to 1 GiB, and what is asked for is in the midst */
    const uint64_t va = 0x500000000ULL, ipa = 0x280000000ULL;
    const uint64_t pa = 0x40000000ULL, off = 0x4567123ULL;
    int shift1, shift2;
    uint64_t to;
    ATSCd cd;
    Test t;

    start_stage1(&t);
    smmu_tables_init(&t.m, s->granule);
    cd = smmu_cd(&t.m);
    smmu_cd_set(&t.m, &cd);

    shift1 = ats_level_shift(&t.m.s1, s->level1);
    shift2 = ats_level_shift(&t.m.s2, s->level2);
    to = s->config == CONFIG_S1 ? pa : ipa;
    ats_map_level(&t.m, &t.m.s1, (va + off) & -(1ULL << shift1),
                  (to + off) & -(1ULL << shift1), S1_RW, s->level1);
    to = s->config == CONFIG_S2 ? va : ipa;
    ats_map_level(&t.m, &t.m.s2, (to + off) & -(1ULL << shift2),
                  (pa + off) & -(1ULL << shift2), S2_RW, s->level2);
    smmu_ste_config(&t.m, SID_PF, s->config, EATS_FULL);

    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, va + off, pa + off, PERM_RW);
    ats_assert_reg(&t.dev, ATS_TESTDEV_SHIFT, s->shift);

    /* It is known from its first byte to its last, but not beyond */
    ats_assert_cached(&t.dev, (va + off) & -(1ULL << s->shift),
                      (pa + off) & -(1ULL << s->shift));
    ats_assert_cached(&t.dev, (va + off) | ((1ULL << s->shift) - 1),
                      (pa + off) | ((1ULL << s->shift) - 1));
    ats_assert_not_cached(&t.dev, ((va + off) & -(1ULL << s->shift)) - 1);
    ats_assert_not_cached(&t.dev, ((va + off) | ((1ULL << s->shift) - 1)) + 1);
    smmu_assert_no_event(&t.m);
}

/* A request for several pages, one of which is not there */
static void test_treq_range(void)
{
    const uint64_t va = 0x700000000ULL;
    const uint64_t pa[] = {
        ATS_DATA + 0x105000, ATS_DATA + 0x101000, 0, ATS_DATA + 0x103000,
    };
    Test t;
    int i;

    start_stage1(&t);
    for (i = 0; i < ARRAY_SIZE(pa); i++) {
        if (pa[i]) {
            ats_map(&t.m, &t.m.s1, va + 0x1000 * i, pa[i],
                    i == 1 ? S1_RO : S1_RW);
        }
    }
    /* without a permission somewhere */
    g_assert_cmpuint(ats_cmd(&t.dev, ATS_TESTDEV_CMD_TREQ, va + 0x801,
                             0x3000), ==, ATS_TESTDEV_DENIED);
    g_assert_cmphex(ats_read_pair(&t.dev, ATS_TESTDEV_PA_LO), ==,
                    pa[0] + 0x801);
    smmu_assert_no_event(&t.m);
    ats_assert_cached(&t.dev, va, pa[0]);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PERM, PERM_RW);
    ats_assert_cached(&t.dev, va + 0x1000, pa[1]);
    ats_assert_reg(&t.dev, ATS_TESTDEV_PERM, PERM_R);
    ats_assert_not_cached(&t.dev, va + 0x2000);
    ats_assert_not_cached(&t.dev, va + 0x4000);

    /* asked for by itself, the last one is granted as well */
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, va + 0x3000, pa[3], PERM_RW);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, va + 0x1000, pa[1], PERM_R);
}

static void test_treq_smmuen_0(void)
{
    Test t;

    start(&t, CONFIG_S1, EATS_FULL, CR0_ALL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);

    smmu_cr0(&t.m, CR0_ALL & ~CR0_SMMUEN);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    smmu_assert_bad_treq(&t.m, SID_PF, IOVA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);

    /* others bypass */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
}

static void test_treq_eventqen_0(void)
{
    Test t;

    start(&t, CONFIG_S1, EATS_NONE, CR0_ALL & ~CR0_EVENTQEN);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    smmu_assert_no_event(&t.m);
    smmu_cr0(&t.m, CR0_ALL);
    smmu_assert_no_event(&t.m);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    smmu_assert_bad_treq(&t.m, SID_PF, IOVA);
}

/* The event has the StreamID of who asked, and the address asked for */
static void test_treq_event_fields(void)
{
    const uint64_t va = 0xffff876543219000ULL;
    ATSDev d;
    Test t;

    start(&t, CONFIG_S1, EATS_NONE, CR0_ALL);
    ats_dev_init(&d, &t.m, SID_D);
    ats_dev_enable(&d, 0);
    smmu_ste_config(&t.m, SID_D, CONFIG_S1, EATS_FULL);

    g_assert_cmpuint(ats_treq(&t.dev, va + 0xabc), ==, ATS_TESTDEV_UR);
    smmu_assert_bad_treq(&t.m, SID_PF, va);
    ats_assert_treq(&d, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    smmu_assert_no_event(&t.m);

    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_FULL);
    smmu_ste_config(&t.m, SID_D, CONFIG_BYPASS, EATS_FULL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    smmu_assert_no_event(&t.m);
    g_assert_cmpuint(ats_treq(&d, 0), ==, ATS_TESTDEV_UR);
    smmu_assert_bad_treq(&t.m, SID_D, 0);
}

/* A VF is a stream of its own */
static void test_treq_vf(void)
{
    ATSDev vf;
    Test t;

    start_stage1(&t);
    ats_vf_init(&vf, &t.dev);
    g_assert_cmphex(vf.sid, ==, SID_VF);
    ats_dev_enable(&vf, 0);

    g_assert_cmpuint(ats_treq(&vf, IOVA), ==, ATS_TESTDEV_CA);
    smmu_assert_no_event(&t.m);
    smmu_ste_config(&t.m, SID_VF, CONFIG_S1, EATS_NONE);
    g_assert_cmpuint(ats_treq(&vf, IOVA), ==, ATS_TESTDEV_UR);
    smmu_assert_bad_treq(&t.m, SID_VF, IOVA);
    smmu_ste_config(&t.m, SID_VF, CONFIG_NESTED, EATS_FULL);
    ats_assert_treq(&vf, ATS_TESTDEV_CMD_TREQ, IOVA, PA_NESTED, PERM_RW);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    smmu_assert_no_event(&t.m);
}

/* Translated transactions */

static void test_translated_smmuen_0(void)
{
    uint32_t val;
    Test t;

    start(&t, CONFIG_S1, EATS_FULL, CR0_ALL);
    smmu_cr0(&t.m, CR0_ALL & ~CR0_SMMUEN);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_assert_forbidden(&t.m, SID_PF, IOVA, false);

    ats_mem_write(&t.m, IOVA + 8, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_FORGED,
                                  IOVA + 8, &val), ==, ATS_TESTDEV_ABORTED);
    g_assert_cmphex(val, !=, VALUE);
    smmu_assert_forbidden(&t.m, SID_PF, IOVA + 8, true);

    /* ATSCHK is of no avail */
    smmu_cr0(&t.m, CR0_ALL & ~(CR0_SMMUEN | CR0_ATSCHK));
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_assert_forbidden(&t.m, SID_PF, IOVA, false);
}

/* The same write, each time */
static void test_translated_atschk(void)
{
    Test t;

    start_stage1(&t);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
    clear_places(&t, 0);

    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_NONE);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_assert_forbidden(&t.m, SID_PF, IOVA, false);

    smmu_cr0(&t.m, CR0_ALL & ~CR0_ATSCHK);
    smmu_cfgi(&t.m, SID_PF);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
    clear_places(&t, 0);

    smmu_cr0(&t.m, CR0_ALL);
    smmu_cfgi(&t.m, SID_PF);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_assert_forbidden(&t.m, SID_PF, IOVA, false);

    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_FULL);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
}

/* Not the STE of another, nor that of the function that the VF belongs to */
static void test_translated_stream(void)
{
    ATSDev vf, d;
    Test t;

    start_stage1(&t);
    ats_vf_init(&vf, &t.dev);
    ats_dev_init(&d, &t.m, SID_D);
    smmu_ste_config(&t.m, SID_VF, CONFIG_S1, EATS_NONE);
    ats_dev_enable(&vf, 0);
    ats_dev_enable(&d, 0);

    g_assert_cmpuint(ats_cmd_write(&vf, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    smmu_assert_forbidden(&t.m, SID_VF, IOVA, false);
    g_assert_cmpuint(ats_cmd_write(&d, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    smmu_assert_no_event(&t.m);
    assert_landed(&t, 0, 0, 0);

    smmu_ste_config(&t.m, SID_VF, CONFIG_S1, EATS_FULL);
    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_NONE);
    g_assert_cmpuint(ats_cmd_write(&vf, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, IOVA, 0, VALUE);
    smmu_assert_no_event(&t.m);
}

/* What the ATC has been given is a PA, and is taken for one */
static void test_translated_atc(void)
{
    uint32_t val;
    Test t;

    start(&t, CONFIG_NESTED, EATS_FULL, CR0_ALL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_NESTED, PERM_RW);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, PA_NESTED, 0, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC,
                                  IOVA, &val), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(val, ==, VALUE);
    smmu_assert_no_event(&t.m);
    clear_places(&t, 0);

    /* A PA that is an IOVA, too */
    ats_map(&t.m, &t.m.s1, PA_NESTED, PA_S1, S1_RW);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                   IOVA, VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, PA_NESTED, 0, VALUE);

    /* EATS is withdrawn, the ATC not told: the write is refused */
    smmu_ste_config(&t.m, SID_PF, CONFIG_NESTED, EATS_NONE);
    clear_places(&t, 0);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_assert_forbidden(&t.m, SID_PF, PA_NESTED, false);
}

/*
 * At or above the OAS: of the two that are allowed, to be aborted. For it to
 * be the SMMU that does so, something has to be there: the BAR of another
 * device.
 */
static void test_translated_oas(void)
{
    const uint64_t beyond[] = {
        1ULL << 44 | IOVA, 1ULL << 52 | IOVA, 1ULL << 63 | IOVA,
    };
    uint64_t buf;
    ATSDev d;
    Test t;
    int i;

    if (!qtest_has_accel("tcg")) {
        g_test_skip("the CPUs there are have a PA size of 44 bits, too");
        return;
    }
    start_args(&t, "-S -accel tcg -machine virt,iommu=smmuv3,gic-version=3,"
               "highmem-mmio-size=16T -cpu max -nodefaults " ATS_ON DEVICES);
    g_assert_cmphex(smmu_read(&t.m, SMMU_IDR5) & 7, ==, 4);
    smmu_cr0(&t.m, CR0_ALL);
    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_FULL);

    ats_dev_init(&d, &t.m, SID_D);
    buf = d.bar + ATS_TESTDEV_BUF;
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, buf,
                                   VALUE), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(qtest_readl(t.m.qts, buf), ==, VALUE);
    qtest_writel(t.m.qts, buf, 0);

    ats_cfg_writel(&t.m, SID_D, PCI_BASE_ADDRESS_0 + 4, 1 << (44 - 32));
    buf |= 1ULL << 44;
    qtest_writel(t.m.qts, buf, ~VALUE);
    g_assert_cmphex(qtest_readl(t.m.qts, buf), ==, ~VALUE);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, buf,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    g_assert_cmphex(qtest_readl(t.m.qts, buf), ==, ~VALUE);
    smmu_assert_no_event(&t.m);

    /* ATSCHK is for other checks */
    smmu_cr0(&t.m, CR0_ALL & ~CR0_ATSCHK);
    smmu_cfgi(&t.m, SID_PF);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, buf,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    g_assert_cmphex(qtest_readl(t.m.qts, buf), ==, ~VALUE);
    for (i = 0; i < ARRAY_SIZE(beyond); i++) {
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                       beyond[i], VALUE), ==,
                         ATS_TESTDEV_ABORTED);
        assert_landed(&t, 0, 0, 0);
    }
    smmu_assert_no_event(&t.m);
}

/* CMD_ATC_INV */

static void assert_inv(ATSDev *dev, uint32_t invs, uint64_t first,
                       uint64_t last)
{
    ats_assert_reg(dev, ATS_TESTDEV_INVS, invs);
    ats_assert_reg(dev, ATS_TESTDEV_INVS_UR, 0);
    g_assert_cmphex(ats_read_pair(dev, ATS_TESTDEV_INV_ADDR_LO), ==, first);
    g_assert_cmphex(ats_read_pair(dev, ATS_TESTDEV_INV_LAST_LO), ==, last);
}

static void map_and_treq(Test *t, uint64_t va)
{
    ats_map(&t->m, va >> 63 ? &t->m.s1_high : &t->m.s1, va & ~0xfffULL,
            ATS_DATA, S1_RW);
    ats_assert_treq(&t->dev, ATS_TESTDEV_CMD_TREQ, va, ATS_DATA, PERM_RW);
}

/*
 * An invalidation of 4096 << size bytes: what is in there goes, in the first
 * page and in the last one, and the pages below and above stay. From 2^47
 * bytes on there is not always one that could be mapped.
 */
static void inv_span(Test *t, int size, uint64_t operand)
{
    int shift = 12 + size;
    uint64_t mask = shift < 64 ? MAKE_64BIT_MASK(0, shift) : UINT64_MAX;
    uint64_t first = operand & ~mask, last = operand | mask;
    uint64_t in[5], out[4];
    int n_in = 0, n_out = 0, i;
    uint64_t va[] = {
        first, last & ~0xfffULL, operand & ~0xfffULL,
        first - 0x1000, last + 1, 0, VA_LAST, VA_HIGH, VA_HIGH_LAST,
    };

    ats_cmd(&t->dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);
    for (i = 0; i < ARRAY_SIZE(va); i++) {
        bool inside = va[i] >= first && va[i] <= last;

        if (va[i] > VA_LAST && va[i] < VA_HIGH) {
            continue;
        }
        if (inside && n_in < ARRAY_SIZE(in)) {
            in[n_in++] = va[i];
        } else if (!inside && n_out < ARRAY_SIZE(out)) {
            out[n_out++] = va[i];
        } else {
            continue;
        }
        map_and_treq(t, va[i]);
    }
    g_assert_cmpint(n_in, >, 0);
    g_assert_cmpint(n_out, >, size < ATC_INV_ALL ? 0 : -1);

    smmu_atc_inv(&t->m, SID_PF, operand, size);
    g_assert_cmphex(ats_read_pair(&t->dev, ATS_TESTDEV_INV_ADDR_LO), ==,
                    first);
    g_assert_cmphex(ats_read_pair(&t->dev, ATS_TESTDEV_INV_LAST_LO), ==, last);
    for (i = 0; i < n_in; i++) {
        ats_assert_not_cached(&t->dev, in[i]);
    }
    for (i = 0; i < n_out; i++) {
        ats_assert_cached(&t->dev, out[i], ATS_DATA);
    }
    smmu_assert_no_event(&t->m);
}

static void test_inv_size(const void *data)
{
    int size = GPOINTER_TO_INT(data);
    uint64_t span = size < ATC_INV_ALL ? 4096ULL << size : 0;
    Test t;

    start_stage1(&t);
    /* The address is at the start, in the midst, and at the end of it */
    if (size <= 35) {
        inv_span(&t, size, span);
        inv_span(&t, size, span + span / 2);
        inv_span(&t, size, span + span - 0x1000);
    }
    inv_span(&t, size, 0);
    inv_span(&t, size, VA_HIGH);
    inv_span(&t, size, VA_HIGH + 0x765432101000ULL);
    inv_span(&t, size, VA_HIGH_LAST);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, size <= 35 ? 7 : 4);
}

/* Of what is permitted: CERROR_ILL */
static void test_inv_size_reserved(const void *data)
{
    int size = GPOINTER_TO_INT(data);
    uint32_t at;
    Test t;

    start_stage1(&t);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    at = t.m.cmdq_prod;
    smmu_atc_inv_queue(&t.m, SID_PF, IOVA, size);
    smmu_cmd_queue(&t.m, CMD_SYNC, 0);
    smmu_cmd_go(&t.m);
    g_assert_cmphex(smmu_read(&t.m, SMMU_CMDQ_CONS), ==,
                    CERROR_ILL << 24 | at);
    g_assert_cmphex(smmu_read(&t.m, SMMU_GERROR), ==, GERROR_CMDQ_ERR);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_cached(&t.dev, IOVA, PA_S1);

    /* Correct the command, and acknowledge the error */
    ats_mem_write(&t.m, ATS_CMDQ + 16 * at + 8, IOVA);
    smmu_write(&t.m, SMMU_GERRORN, GERROR_CMDQ_ERR);
    g_assert_cmphex(smmu_read(&t.m, SMMU_CMDQ_CONS) & 0xfffff, ==,
                    t.m.cmdq_prod);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_not_cached(&t.dev, IOVA);
}

/* What an invalidation is there for: a page is taken away and given again */
static void test_inv_stale_write(void)
{
    uint32_t val;
    Test t;

    start_stage1(&t);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    ats_map(&t.m, &t.m.s1, IOVA, PA_S2, S1_RW);
    smmu_tlbi_all(&t.m);

    /* Hitherto, the write is a stale one, as is the read */
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, PA_S1, 0, VALUE);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC, IOVA,
                                  &val), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(val, ==, VALUE);
    clear_places(&t, 0);

    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_MISS);
    g_assert_cmpuint(ats_cmd_read(&t.dev, ATS_TESTDEV_CMD_READ_ATC, IOVA,
                                  &val), ==, ATS_TESTDEV_MISS);
    assert_landed(&t, 0, 0, 0);

    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S2, PERM_RW);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, PA_S2, 0, VALUE);
}

/* ... and a device that does not heed it is found out */
static void test_inv_ignored_by_device(void)
{
    Test t;

    start_args(&t, WITH_ATS "-global ats-testdev.ignore-inv=on ");
    smmu_cr0(&t.m, CR0_ALL);
    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    ats_map(&t.m, &t.m.s1, IOVA, PA_S2, S1_RW);
    smmu_tlbi_all(&t.m);

    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 1);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, PA_S1, 0, VALUE);
}

/* Those of the SMMU's own TLB and configuration caches are not forwarded */
static void test_inv_by_atc_inv_only(void)
{
#define VMID ((uint64_t)SMMU_VMID(CONFIG_S1) << 32)
    static const uint64_t cmds[][2] = {
        { CMD_CFGI_STE | (uint64_t)SID_PF << 32, 1 },
        { 0x04 | (uint64_t)SID_PF << 32, 31 },          /* CFGI_ALL */
        { 0x05 | (uint64_t)SID_PF << 32, 1 },           /* CFGI_CD */
        { 0x06 | (uint64_t)SID_PF << 32, 0 },           /* CFGI_CD_ALL */
        { 0x10 | VMID, 0 },                       /* TLBI_NH_ALL */
        { 0x11 | VMID | 1ULL << 48, 0 },          /* TLBI_NH_ASID */
        { 0x12 | VMID | 1ULL << 48, IOVA | 1 },   /* TLBI_NH_VA */
        { 0x13 | VMID, IOVA | 1 },                /* TLBI_NH_VAA */
        { 0x28 | VMID, 0 },                       /* TLBI_S12_VMALL */
        { 0x2a | VMID, IOVA | 1 },                /* TLBI_S2_IPA */
        { CMD_TLBI_NSNH_ALL, 0 },
    };
#undef VMID
    Test t;
    int i;

    start_stage1(&t);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    for (i = 0; i < ARRAY_SIZE(cmds); i++) {
        smmu_cmd_queue(&t.m, cmds[i][0], cmds[i][1]);
        smmu_cmd_sync(&t.m);
        ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
        ats_assert_cached(&t.dev, IOVA, PA_S1);
    }
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_not_cached(&t.dev, IOVA);
}

/* A block goes as a whole with any page of it, or at least that page does */
static void test_inv_part_of_block(void)
{
    const uint64_t va = 0x600000000ULL, pa = 0x44200000ULL;
    Test t;

    start_stage1(&t);
    ats_map_level(&t.m, &t.m.s1, va, pa, S1_RW, 2);
    map_and_treq(&t, va + 0x200000);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, va, pa, PERM_RW);
    smmu_atc_inv(&t.m, SID_PF, va + 0x1ff000, 0);
    assert_inv(&t.dev, 1, va + 0x1ff000, va + 0x1fffff);
    ats_assert_not_cached(&t.dev, va + 0x1ff000);
    ats_assert_not_cached(&t.dev, va + 0x1ff800);
    ats_assert_cached(&t.dev, va + 0x200000, ATS_DATA);
}

/* Commands of several pages, complete with one CMD_SYNC */
static void test_inv_batch(void)
{
    const uint64_t va = 0x600000000ULL;
    Test t;
    int i;

    start_stage1(&t);
    for (i = 0; i < 16; i++) {
        map_and_treq(&t, va + 0x1000 * i);
    }
    for (i = 0; i < 16; i++) {
        if (i != 5 && i != 11) {
            smmu_atc_inv_queue(&t.m, SID_PF, va + 0x1000 * i, 0);
        }
    }
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    smmu_cmd_sync(&t.m);
    assert_inv(&t.dev, 14, va + 0xf000, va + 0xffff);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 2);
    ats_assert_cached(&t.dev, va + 0x5000, ATS_DATA);
    ats_assert_cached(&t.dev, va + 0xb000, ATS_DATA);
}

/* Only the function that is named, not the others, nor its PF or VF */
static void test_inv_stream(void)
{
    Test t;
    ATSDev vf, d, *devs[3];
    uint32_t invs[3] = {};
    int i, j;

    start_stage1(&t);
    ats_vf_init(&vf, &t.dev);
    ats_dev_init(&d, &t.m, SID_D);
    devs[0] = &t.dev;
    devs[1] = &vf;
    devs[2] = &d;
    for (i = 0; i < 3; i++) {
        ats_dev_enable(devs[i], 0);
        smmu_ste_config(&t.m, devs[i]->sid, CONFIG_S1, EATS_FULL);
    }
    for (i = 0; i < 3; i++) {
        for (j = 0; j < 3; j++) {
            ats_assert_treq(devs[j], ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1,
                            PERM_RW);
        }
        smmu_atc_inv(&t.m, devs[i]->sid, IOVA, 0);
        invs[i]++;
        for (j = 0; j < 3; j++) {
            ats_assert_reg(devs[j], ATS_TESTDEV_INVS, invs[j]);
            ats_assert_reg(devs[j], ATS_TESTDEV_INVS_UR, 0);
            ats_assert_reg(devs[j], ATS_TESTDEV_ATC_VALID, j != i);
        }
        smmu_atc_inv(&t.m, devs[i]->sid, 0, ATC_INV_ALL);
        invs[i]++;
    }
    for (j = 0; j < 3; j++) {
        ats_assert_reg(devs[j], ATS_TESTDEV_INVS, invs[j]);
    }
}

/* StreamIDs that no function has, some of them for their high bits only */
static void test_inv_no_such_stream(void)
{
    static const uint32_t sids[] = {
        0, 1, SID_PORT, SID_VF, SID_PF + 2, 0x200, 0xffff,
        1 << 16 | SID_PF, 1 << 16 | SID_D, 0x80000000 | SID_PF, 0xffffffff,
    };
    ATSDev d;
    Test t;
    int i;

    start_stage1(&t);
    ats_dev_init(&d, &t.m, SID_D);
    ats_dev_enable(&d, 0);
    smmu_ste_config(&t.m, SID_D, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    ats_assert_treq(&d, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    for (i = 0; i < ARRAY_SIZE(sids); i++) {
        smmu_atc_inv(&t.m, sids[i], 0, ATC_INV_ALL);
        ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
        ats_assert_reg(&d, ATS_TESTDEV_INVS, 0);
    }
    ats_assert_cached(&t.dev, IOVA, PA_S1);
    ats_assert_cached(&d, IOVA, PA_S1);
    smmu_assert_no_event(&t.m);
}

/* There are no PASIDs: of what is allowed for SSV, it is as if it were 0 */
static void test_inv_flags(const void *data)
{
    uint64_t flags = *(const uint64_t *)data;
    Test t;

    start_stage1(&t);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    map_and_treq(&t, IOVA + 0x1000);
    smmu_cmd_queue(&t.m, CMD_ATC_INV | (uint64_t)SID_PF << 32 | flags, IOVA);
    smmu_cmd_sync(&t.m);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_not_cached(&t.dev, IOVA);
    ats_assert_cached(&t.dev, IOVA + 0x1000, ATS_DATA);
}

static void test_inv_smmuen_0(void)
{
    Test t;

    start_stage1(&t);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    smmu_cr0(&t.m, CR0_ALL & ~CR0_SMMUEN);
    smmu_atc_inv(&t.m, SID_PF, 0, ATC_INV_ALL);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 0);
    ats_assert_cached(&t.dev, IOVA, PA_S1);

    smmu_cr0(&t.m, CR0_ALL);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    smmu_atc_inv(&t.m, SID_PF, 0, ATC_INV_ALL);
    assert_inv(&t.dev, 1, 0, UINT64_MAX);
}

/* A UR is of no consequence for the SMMU */
static void test_inv_ur(void)
{
    Test t;

    start_stage1(&t);
    ats_dev_disable(&t.dev);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 1);
    smmu_assert_no_event(&t.m);

    ats_dev_enable(&t.dev, 0);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 1);
}

/* The command asks nobody about the STE */
static void test_inv_without_ste(void)
{
    Test t;

    start_stage1(&t);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_NONE);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_not_cached(&t.dev, IOVA);

    break_ste_invalid(&t);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 1);
    assert_inv(&t.dev, 2, IOVA, IOVA + 0x1fff);
    smmu_assert_no_event(&t.m);
}

/* Completions that take their time, or do not come */

#define TIMEOUT_US  10000
#define WITH_TIME   WITH_ATS "-global arm-smmuv3.x-ats-inv-timeout=10 " \
                    "-device ats-testdev,id=no,bus=pcie.0,addr=0x5,ats=off "
#define SID_NO_ATS  0x028

static void start_completion_args(Test *t, const char *args)
{
    start_args(t, args);
    smmu_cr0(&t->m, CR0_ALL);
    smmu_ste_config(&t->m, SID_PF, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&t->dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
}

static void start_completion(Test *t)
{
    start_completion_args(t, WITH_TIME);
}

static void step_us(Test *t, int64_t us)
{
    qtest_clock_step(t->m.qts, us * 1000);
}

/* The next command is that at @at, and there is no error but @cerror */
static void assert_cmdq(Test *t, uint32_t at, uint32_t cerror)
{
    uint32_t cons = smmu_read(&t->m, SMMU_CMDQ_CONS);

    g_assert_cmphex(cons & 0xfffff, ==, at);
    g_assert_cmphex(smmu_read(&t->m, SMMU_GERROR) ^
                    smmu_read(&t->m, SMMU_GERRORN), ==,
                    cerror ? GERROR_CMDQ_ERR : 0);
    if (cerror) {
        g_assert_cmphex(cons >> 24, ==, cerror);
    }
}

static void ack_cmdq_error(Test *t)
{
    smmu_write(&t->m, SMMU_GERRORN, smmu_read(&t->m, SMMU_GERROR));
}

/* Returns where in the queue the CMD_SYNC is */
static uint32_t queue_sync(Test *t)
{
    uint32_t at = t->m.cmdq_prod;

    smmu_cmd_queue(&t->m, CMD_SYNC, 0);
    smmu_cmd_go(&t->m);
    return at;
}

static uint32_t inv_and_sync(Test *t, uint32_t sid)
{
    smmu_atc_inv_queue(&t->m, sid, IOVA, 0);
    return queue_sync(t);
}

/* The CMD_SYNC at @at times out, just then; repeated, it is consumed */
static void assert_times_out(Test *t, uint32_t at)
{
    assert_cmdq(t, at, 0);
    /* That there are more commands does not give it more time */
    step_us(t, TIMEOUT_US / 2);
    smmu_cmd_go(&t->m);
    step_us(t, TIMEOUT_US / 2 - 1);
    assert_cmdq(t, at, 0);
    step_us(t, 1);
    assert_cmdq(t, at, CERROR_ATC_INV_SYNC);
    /* Nothing goes on until software has seen it */
    smmu_cmd_go(&t->m);
    step_us(t, 2 * TIMEOUT_US);
    assert_cmdq(t, at, CERROR_ATC_INV_SYNC);
    ack_cmdq_error(t);
    assert_cmdq(t, t->m.cmdq_prod, 0);
}

/* CMD_SYNC waits, and with it what is behind it. Then all goes on. */
static void test_completion_late(void)
{
    uint32_t at;
    Test t;

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 5000);
    at = inv_and_sync(&t, SID_PF);
    assert_cmdq(&t, at, 0);
    smmu_atc_inv_queue(&t.m, SID_PF, IOVA + 0x1000, 0);
    smmu_cmd_go(&t.m);
    step_us(&t, 4999);
    assert_cmdq(&t, at, 0);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_cached(&t.dev, IOVA, PA_S1);

    step_us(&t, 1);
    ats_assert_not_cached(&t.dev, IOVA);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
    assert_inv(&t.dev, 2, IOVA + 0x1000, IOVA + 0x1fff);

    /* The second one is waited for as long, and not from the first one on */
    at = queue_sync(&t);
    assert_cmdq(&t, at, 0);
    step_us(&t, 5000);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
    step_us(&t, 2 * TIMEOUT_US);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
}

/* ATC_INV itself does not wait, nor does another command */
static void test_completion_only_sync_waits(void)
{
    Test t;
    int i;

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
    for (i = 0; i < 3; i++) {
        smmu_atc_inv_queue(&t.m, SID_PF, IOVA, 0);
        smmu_cmd_queue(&t.m, CMD_TLBI_NSNH_ALL, 0);
    }
    smmu_cmd_go(&t.m);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 3);
    step_us(&t, 2 * TIMEOUT_US);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
    assert_times_out(&t, queue_sync(&t));
}

static void test_completion_never(void)
{
    Test t;

    start_completion(&t);
    step_us(&t, 500); /* the time is not in whole milliseconds */
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
    assert_times_out(&t, inv_and_sync(&t, SID_PF));
    ats_assert_cached(&t.dev, IOVA, PA_S1);

    /* The error is that of the CMD_SYNC, and not of those after it */
    smmu_cmd_sync(&t.m);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 0);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_not_cached(&t.dev, IOVA);
    smmu_assert_no_event(&t.m);
}

/* What comes after the time-out is not taken for the answer to another one */
static void test_completion_too_late(void)
{
    uint32_t at;
    Test t;

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, TIMEOUT_US + 2000);
    assert_cmdq(&t, inv_and_sync(&t, SID_PF), 0);
    step_us(&t, TIMEOUT_US);
    assert_cmdq(&t, t.m.cmdq_prod - 1, CERROR_ATC_INV_SYNC);
    ack_cmdq_error(&t);

    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
    at = inv_and_sync(&t, SID_PF);
    step_us(&t, 2000);
    ats_assert_not_cached(&t.dev, IOVA);
    assert_cmdq(&t, at, 0);
    step_us(&t, TIMEOUT_US - 2000);
    assert_cmdq(&t, at, CERROR_ATC_INV_SYNC);
}

/* One function answers before the other, which was asked first */
static void test_completion_out_of_order(void)
{
    uint32_t at;
    ATSDev d;
    Test t;

    start_completion(&t);
    ats_dev_init(&d, &t.m, SID_D);
    ats_dev_enable(&d, 0);
    smmu_ste_config(&t.m, SID_D, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&d, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 2000);
    ats_write(&d, ATS_TESTDEV_INV_DELAY, 1000);
    smmu_atc_inv_queue(&t.m, SID_PF, IOVA, 0);
    at = inv_and_sync(&t, SID_D);
    step_us(&t, 1000);
    ats_assert_not_cached(&d, IOVA);
    ats_assert_cached(&t.dev, IOVA, PA_S1);
    assert_cmdq(&t, at, 0);
    step_us(&t, 1000);
    ats_assert_not_cached(&t.dev, IOVA);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
}

/* The same of one function */
static void test_completion_overtaken(void)
{
    uint32_t at;
    Test t;

    start_completion(&t);
    map_and_treq(&t, IOVA + 0x1000);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 2000);
    smmu_atc_inv_queue(&t.m, SID_PF, IOVA, 0);
    smmu_cmd_go(&t.m);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 1000);
    smmu_atc_inv_queue(&t.m, SID_PF, IOVA + 0x1000, 0);
    at = queue_sync(&t);
    step_us(&t, 1000);
    ats_assert_cached(&t.dev, IOVA, PA_S1);
    ats_assert_not_cached(&t.dev, IOVA + 0x1000);
    assert_cmdq(&t, at, 0);
    step_us(&t, 1000);
    ats_assert_not_cached(&t.dev, IOVA);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
}

/* To disable ATS does not wait: the device answers, and tells of it */
static void test_completion_cut(void)
{
    uint32_t at, cut;
    Test t;

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 2000);
    at = inv_and_sync(&t, SID_PF);
    step_us(&t, 1000);
    cut = ats_read(&t.dev, ATS_TESTDEV_INVS_CUT);
    ats_dev_disable(&t.dev);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_CUT, cut + 1);
    assert_cmdq(&t, at, 0);
    step_us(&t, 1000);
    assert_cmdq(&t, t.m.cmdq_prod, 0);

    /* Nothing is open now */
    ats_dev_enable(&t.dev, 0);
    ats_dev_disable(&t.dev);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_CUT, cut + 1);

    /* After a reset it does not answer */
    at = inv_and_sync(&t, SID_PF);
    ats_dev_flr(&t.dev);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_CUT, cut + 2);
    step_us(&t, TIMEOUT_US);
    assert_cmdq(&t, at, CERROR_ATC_INV_SYNC);

    /* It is one request, whatever happens to it */
    start_completion(&t);
    cut = ats_read(&t.dev, ATS_TESTDEV_INVS_CUT);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 2000);
    at = inv_and_sync(&t, SID_PF);
    ats_dev_disable(&t.dev);
    ats_dev_flr(&t.dev);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_CUT, cut + 1);
    assert_cmdq(&t, at, 0);
}

/* No ATS Capability, no VF Enable, nobody there at all: nobody answers */
static void test_completion_no_atc(void)
{
    static const uint32_t sids[] = { SID_NO_ATS, SID_PORT, SID_VF, 0x200 };
    Test t;
    int i;

    start_completion(&t);
    for (i = 0; i < ARRAY_SIZE(sids); i++) {
        assert_times_out(&t, inv_and_sync(&t, sids[i]));
    }
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
}

/* With ATS disabled it is for the device to answer or not */
static void test_completion_disabled(void)
{
    Test t;

    start_completion(&t);
    ats_dev_disable(&t.dev);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
    assert_times_out(&t, inv_and_sync(&t, SID_PF));
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 2);
}

/* A request in flight when its function is reset, or its ATS is disabled */
static void test_completion_in_flight(void)
{
    uint32_t at;
    Test t;

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 5000);
    at = inv_and_sync(&t, SID_PF);
    ats_dev_flr(&t.dev);
    assert_times_out(&t, at);

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 5000);
    at = inv_and_sync(&t, SID_PF);
    ats_dev_disable(&t.dev);
    assert_cmdq(&t, at, 0);
    step_us(&t, 5000);
    assert_cmdq(&t, t.m.cmdq_prod, 0);
}

/* The queue is disabled while a CMD_SYNC waits; the answer comes meanwhile */
static void test_completion_disabled_queue(void)
{
    uint32_t at;
    Test t;

    start_completion(&t);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, 5000);
    at = inv_and_sync(&t, SID_PF);
    smmu_cr0(&t.m, CR0_ALL & ~CR0_CMDQEN);
    step_us(&t, 2 * TIMEOUT_US);
    ats_assert_not_cached(&t.dev, IOVA);
    assert_cmdq(&t, at, 0);
    smmu_cr0(&t.m, CR0_ALL);
    assert_cmdq(&t, t.m.cmdq_prod, 0);

    /* No answer comes: it has all of its time from when it is enabled */
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
    at = inv_and_sync(&t, SID_PF);
    step_us(&t, TIMEOUT_US / 2);
    smmu_cr0(&t.m, CR0_ALL & ~CR0_CMDQEN);
    step_us(&t, 2 * TIMEOUT_US);
    smmu_cr0(&t.m, CR0_ALL);
    assert_times_out(&t, at);
}

/*
 * A reset of the machine, while a CMD_SYNC waits and when it has failed, when
 * only the error is left
 */
static void test_completion_reset(void)
{
    Test t;
    int i;

    for (i = 1; i <= 2; i++) {
        start_completion(&t);
        ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
        inv_and_sync(&t, SID_PF);
        step_us(&t, i * TIMEOUT_US / 2);
    }
    start_completion(&t);
    smmu_cmd_sync(&t.m);
    step_us(&t, 2 * TIMEOUT_US);
    smmu_cmd_sync(&t.m);
}

/* By default nobody is late, and who has no ATC answers */
static void test_completion_off(void)
{
    Test t;

    start_completion_args(&t, WITH_ATS);
    ats_write(&t.dev, ATS_TESTDEV_INV_DELAY, ATS_TESTDEV_INV_NEVER);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_not_cached(&t.dev, IOVA);
    smmu_atc_inv(&t.m, SID_PORT, IOVA, 0);
}

/* Identification */

static void test_id(void)
{
    uint32_t on[6], off[6];
    Test t;
    int i;

    ats_machine_init(&t.m, WITHOUT_ATS);
    for (i = 0; i < 6; i++) {
        off[i] = smmu_read(&t.m, SMMU_IDR0 + 4 * i);
    }
    g_assert_cmphex(off[0] & (IDR0_ATS | IDR0_NS1ATS | IDR0_PRI), ==, 0);
    g_assert_cmphex(off[3] & IDR3_FWB, ==, 0);

    ats_machine_init(&t.m, WITH_ATS);
    for (i = 0; i < 6; i++) {
        on[i] = smmu_read(&t.m, SMMU_IDR0 + 4 * i);
        g_assert_cmphex(on[i] ^ off[i], ==,
                        i ? 0 : IDR0_ATS | IDR0_NS1ATS);
    }
    qtest_system_reset(t.m.qts);
    for (i = 0; i < 6; i++) {
        g_assert_cmphex(smmu_read(&t.m, SMMU_IDR0 + 4 * i), ==, on[i]);
    }
}

static void test_id_fwb(void)
{
    uint32_t idr[6];
    ATSSte ste;
    Test t;
    int i;

    ats_machine_init(&t.m, WITH_ATS);
    for (i = 0; i < 6; i++) {
        idr[i] = smmu_read(&t.m, SMMU_IDR0 + 4 * i);
    }
    start_args(&t, WITH_ATS "-global arm-smmuv3.fwb=on ");
    for (i = 0; i < 6; i++) {
        g_assert_cmphex(smmu_read(&t.m, SMMU_IDR0 + 4 * i) ^ idr[i], ==,
                        i == 3 ? IDR3_FWB : 0);
    }
    smmu_cr0(&t.m, CR0_ALL);
    ste = smmu_ste(&t.m, CONFIG_NESTED, EATS_FULL);
    ste.d[1] |= STE1_S2FWB;
    smmu_ste_set(&t.m, SID_PF, &ste);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_NESTED, PERM_RW);
}

/* Whether the host bridge's node, and no other, has "ats-supported" */

#define FDT_BEGIN_NODE  1
#define FDT_END_NODE    2
#define FDT_PROP        3
#define FDT_NOP         4

static uint32_t fdt32(const char *p)
{
    return ldl_be_p(p);
}

static bool dtb_has_ats(const char *dtb, gsize size)
{
    const char *names = dtb + fdt32(dtb + 12);
    const char *p = dtb + fdt32(dtb + 8);
    const char *node = NULL;
    bool found = false;

    g_assert_cmphex(fdt32(dtb), ==, 0xd00dfeed);
    g_assert_cmpuint(fdt32(dtb + 4), <=, size);
    while (p < dtb + size) {
        uint32_t token = fdt32(p);

        p += 4;
        if (token == FDT_BEGIN_NODE) {
            node = p;
            p += ROUND_UP(strlen(p) + 1, 4);
        } else if (token == FDT_PROP) {
            uint32_t len = fdt32(p);

            if (g_str_equal(names + fdt32(p + 4), "ats-supported")) {
                g_assert_true(g_str_has_prefix(node, "pcie@"));
                g_assert_cmpuint(len, ==, 0);
                g_assert_false(found);
                found = true;
            }
            p += 8 + ROUND_UP(len, 4);
        } else if (token != FDT_END_NODE && token != FDT_NOP) {
            break;
        }
    }
    return found;
}

/* What firmware and kernel are told, by device tree and ACPI alike */
typedef struct ToldRow {
    const char *name;
    const char *machine;
    const char *args;
    bool ats;
} ToldRow;

static const ToldRow told_rows[] = {
    { "machine-on", ",iommu=smmuv3", ATS_ON, true },
    { "machine-off", ",iommu=smmuv3", "-global arm-smmuv3.ats=off ", false },
    { "machine-default", ",iommu=smmuv3", "", false },
    { "device-on", "", "-device arm-smmuv3,primary-bus=pcie.0,ats=on", true },
    { "device-off", "", "-device arm-smmuv3,primary-bus=pcie.0,ats=off",
      false },
    { "device-default", "", "-device arm-smmuv3,primary-bus=pcie.0", false },
    { "none", "", ATS_ON, false },
};

static void test_dt(const void *data)
{
    const ToldRow *row = data;
    g_autofree char *dtb = NULL, *err = NULL;
    gsize size = 0;

    dtb = ats_machine_dtb(row->machine, row->args, &size, &err);
    if (size > 64) {
        g_assert_true(dtb_has_ats(dtb, size) == row->ats);
    } else {
        g_test_message("no device tree: %s", err);
        g_test_fail();
    }
}

/*
 * The tables as the firmware gets them, from fw_cfg: one after the other. Of
 * the IORT the ATS Attribute of its one Root Complex node (DEN 0049).
 */

#define FW_CFG          0x09020000ULL
#define FW_CFG_KEY      (FW_CFG + 8)

#define IORT_NODES          36
#define IORT_FIRST_NODE     40
#define IORT_ROOT_COMPLEX   2
#define IORT_RC_ATS         24

static void fw_cfg_read(ATSMachine *m, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len--) {
        *p++ = qtest_readb(m->qts, FW_CFG);
    }
}

static uint32_t fw_cfg_readl_be(ATSMachine *m)
{
    uint8_t b[4];

    fw_cfg_read(m, b, sizeof(b));
    return ldl_be_p(b);
}

static void fw_cfg_select(ATSMachine *m, uint16_t key)
{
    qtest_writew(m->qts, FW_CFG_KEY, bswap16(key));
}

static bool fw_cfg_open(ATSMachine *m, const char *file)
{
    uint32_t files;

    fw_cfg_select(m, FW_CFG_FILE_DIR);
    for (files = fw_cfg_readl_be(m); files; files--) {
        struct fw_cfg_file entry;

        fw_cfg_read(m, &entry, sizeof(entry));
        if (g_str_equal(entry.name, file)) {
            fw_cfg_select(m, be16_to_cpu(entry.select));
            return true;
        }
    }
    return false;
}

static char *acpi_table(ATSMachine *m, const char *signature)
{
    char header[8];

    if (!fw_cfg_open(m, "etc/acpi/tables")) {
        return NULL;
    }
    for (;;) {
        g_autofree char *table = NULL;
        uint32_t len;

        fw_cfg_read(m, header, sizeof(header));
        len = ldl_le_p(header + 4);
        if (len < IORT_NODES || len > 64 * KiB) {
            return NULL;
        }
        table = g_malloc(len);
        memcpy(table, header, sizeof(header));
        fw_cfg_read(m, table + sizeof(header), len - sizeof(header));
        if (!memcmp(table, signature, 4)) {
            return g_steal_pointer(&table);
        }
    }
}

static void test_iort(const void *data)
{
    const ToldRow *row = data;
    g_autofree char *args =
        g_strdup_printf("-machine virt,gic-version=3%s -cpu max -nodefaults %s",
                        row->machine, row->args);
    g_autofree char *iort = NULL;
    int nodes, root_complexes = 0;
    ATSMachine m;
    char *node;

    ats_machine_init(&m, args);
    iort = acpi_table(&m, "IORT");
    if (!iort) {
        g_test_message("no IORT");
        g_test_fail();
        return;
    }
    node = iort + ldl_le_p(iort + IORT_FIRST_NODE);
    for (nodes = ldl_le_p(iort + IORT_NODES); nodes; nodes--) {
        if (ldub_p(node) == IORT_ROOT_COMPLEX) {
            g_assert_cmphex(ldl_le_p(node + IORT_RC_ATS), ==, row->ats);
            root_complexes++;
        }
        node += lduw_le_p(node + 1);
    }
    g_assert_cmpint(root_complexes, ==, 1);
}

/* ats=off */

static void start_off(Test *t, unsigned eats)
{
    start_args(t, WITHOUT_ATS);
    smmu_write(&t->m, SMMU_CR0, CR0_ALL);
    smmu_ste_config(&t->m, SID_PF, CONFIG_S1, eats);
}

static void test_off_treq(void)
{
    Test t;

    start_off(&t, EATS_FULL);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    smmu_assert_no_event(&t.m);
}

/* "No ATS requests can be made, nor Translated traffic passed." */
static void test_off_translated(void)
{
    Test t;

    start_off(&t, EATS_FULL);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_write(&t.m, SMMU_CR0, CR0_ALL & ~CR0_ATSCHK);
    smmu_cfgi(&t.m, SID_PF);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);
    smmu_assert_no_event(&t.m);
}

/* EATS is IGNORED, so that 0b10 is not ILLEGAL */
static void test_off_eats(void)
{
    int eats;
    Test t;

    for (eats = EATS_NONE; eats <= EATS_DPT; eats++) {
        start_off(&t, eats);
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                       VALUE), ==, ATS_TESTDEV_OK);
        assert_landed(&t, PA_S1, 0, VALUE);
        smmu_assert_no_event(&t.m);
    }
}

/* The command is skipped, as it has always been, whatever its operands */
static void test_off_inv(void)
{
    Test t;

    start_off(&t, EATS_FULL);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    smmu_atc_inv(&t.m, SID_PF, 0, ATC_INV_ALL);
    smmu_atc_inv(&t.m, SID_PF, 0, 63);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS_UR, 0);
}

/* -device arm-smmuv3 */

#define DEVICE_FORM(opts) \
    "-machine virt,gic-version=3 -cpu max -nodefaults " \
    "-device arm-smmuv3,primary-bus=pcie.0,id=smmuv3.0," opts " " DEVICES

static void start_device_form(Test *t, const char *args, unsigned config)
{
    ats_machine_init(&t->m, args);
    t->m.smmu = ATS_SMMU_OF_DEVICE;
    ats_port_init(&t->m, SID_PORT, SID_PF >> 8);
    ats_dev_init(&t->dev, &t->m, SID_PF);
    ats_dev_enable(&t->dev, 0);
    smmu_init(&t->m);
    map_places(t, S1_RW, S2_RW);
    clear_places(t, 0);
    smmu_write(&t->m, SMMU_CR0, CR0_ALL);
    smmu_ste_config(&t->m, SID_PF, config, EATS_FULL);
}

static void test_device_form(void)
{
    Test t;

    start_device_form(&t, DEVICE_FORM("ats=on"), CONFIG_S1);
    /* It has stage 1 alone */
    g_assert_cmphex(smmu_read(&t.m, SMMU_IDR0) & (IDR0_ATS | IDR0_NS1ATS), ==,
                    IDR0_ATS);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    assert_landed(&t, PA_S1, 0, VALUE);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    assert_inv(&t.dev, 1, IOVA, IOVA + 0xfff);
    ats_assert_not_cached(&t.dev, IOVA);

    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_NONE);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    smmu_assert_bad_treq(&t.m, SID_PF, IOVA);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    smmu_assert_forbidden(&t.m, SID_PF, IOVA, false);
}

static void test_device_form_off(void)
{
    Test t;

    start_device_form(&t, DEVICE_FORM("stage=1"), CONFIG_S1);
    g_assert_cmphex(smmu_read(&t.m, SMMU_IDR0) & (IDR0_ATS | IDR0_NS1ATS), ==,
                    0);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
}

/* An STE that wants a stage that there is not is ILLEGAL */
static void assert_illegal(Test *t, unsigned config)
{
    smmu_ste_config(&t->m, SID_PF, config, EATS_FULL);
    g_assert_cmpuint(ats_treq(&t->dev, IOVA), ==, ATS_TESTDEV_CA);
    smmu_assert_no_event(&t->m);
    g_assert_cmpuint(ats_cmd_write(&t->dev, ATS_TESTDEV_CMD_WRITE_FORGED,
                                   IOVA, VALUE), ==, ATS_TESTDEV_ABORTED);
    smmu_assert_no_event(&t->m);
    assert_ordinary_write_fails(t, C_BAD_STE);
}

static void test_device_form_stage1(void)
{
    Test t;

    start_device_form(&t, DEVICE_FORM("ats=on,stage=1"), CONFIG_S1);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    assert_illegal(&t, CONFIG_S2);
    assert_illegal(&t, CONFIG_NESTED);
}

static void test_device_form_stage2(void)
{
    Test t;

    start_device_form(&t, DEVICE_FORM("ats=on,stage=2"), CONFIG_S2);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S2, PERM_RW);
    assert_illegal(&t, CONFIG_S1);
    assert_illegal(&t, CONFIG_NESTED);
}

/* Reset */

static void test_reset(void)
{
    uint32_t gbpa;
    Test t;

    start_args(&t, WITH_ATS);
    gbpa = smmu_read(&t.m, SMMU_GBPA);
    smmu_cr0(&t.m, CR0_ALL);
    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    smmu_atc_inv(&t.m, SID_PF, IOVA, 0);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1, PERM_RW);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    clear_places(&t, 0);

    qtest_system_reset(t.m.qts);
    ats_machine_was_reset(&t.m);
    g_assert_cmphex(smmu_read(&t.m, SMMU_CR0), ==, 0);
    g_assert_cmphex(smmu_read(&t.m, SMMU_CR0ACK), ==, 0);
    g_assert_cmphex(smmu_read(&t.m, SMMU_GERROR), ==, 0);
    g_assert_cmphex(smmu_read(&t.m, SMMU_GERRORN), ==, 0);
    g_assert_cmphex(smmu_read(&t.m, SMMU_GBPA), ==, gbpa);

    ats_port_init(&t.m, SID_PORT, SID_PF >> 8);
    ats_dev_init(&t.dev, &t.m, SID_PF);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ENABLED, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_ATC_VALID, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TREQS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 0);
    ats_assert_reg(&t.dev, ATS_TESTDEV_TRANSLATED, 0);

    /* The SMMU is disabled, with its event queue */
    ats_dev_enable(&t.dev, 0);
    ats_assert_not_cached(&t.dev, IOVA);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_FORGED, IOVA,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    assert_landed(&t, 0, 0, 0);

    /* It has kept neither the STE nor a translation */
    smmu_init(&t.m);
    map_places(&t, S1_RW, S2_RW);
    ats_map(&t.m, &t.m.s1, IOVA, PA_S2, S1_RO);
    smmu_cr0(&t.m, CR0_ALL);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_CA);
    smmu_ste_config(&t.m, SID_PF, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S2, PERM_R);
    smmu_assert_no_event(&t.m);
}

/* Migration: what an ATC holds is not known to the destination */

static void test_migrate(const void *data)
{
    bool ats = GPOINTER_TO_INT(data);
    g_autofree char *refusal = ats_machine_migrate(ats ? MACHINE ATS_ON
                                                       : MACHINE);

    if (ats) {
        g_assert_nonnull(refusal);
        g_assert_nonnull(strstr(refusal ?: "", "ats"));
    } else {
        g_assert_null(refusal);
    }
}

static void test_only_migratable(void)
{
    g_autofree char *dtb = NULL, *err = NULL, *err_off = NULL;
    g_autofree char *dtb_off = NULL;
    gsize size;

    dtb = ats_machine_dtb(",iommu=smmuv3", ATS_ON "-only-migratable", &size,
                          &err);
    g_assert_null(dtb);
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(err ?: "", "ats"));

    dtb_off = ats_machine_dtb(",iommu=smmuv3", "-only-migratable", &size,
                              &err_off);
    g_assert_nonnull(dtb_off);
}

/* 0b110 */
static const char *binary(unsigned val, int bits)
{
    static char buf[2][16];
    static int n;
    int i;

    n = !n;
    for (i = 0; i < bits; i++) {
        buf[n][i] = '0' + extract32(val, bits - 1 - i, 1);
    }
    buf[n][bits] = 0;
    return buf[n];
}

static void add(const char *dir, const char *name, const void *data,
                void (*fn)(const void *))
{
    g_autofree char *path = g_strdup_printf("/smmuv3-ats/%s/%s", dir, name);

    qtest_add_data_func(path, data, fn);
}

static void add_configs(void)
{
    static const uint8_t configs[] = {
        CONFIG_ABORT, 3, CONFIG_BYPASS, CONFIG_S1, CONFIG_S2, CONFIG_NESTED,
    };
    int i, eats, atschk;

    for (i = 0; i < ARRAY_SIZE(configs); i++) {
        for (eats = EATS_NONE; eats <= EATS_DPT; eats++) {
            for (atschk = 0; atschk <= 1; atschk++) {
                Row row = {
                    .config = configs[i], .eats = eats, .atschk = atschk,
                };
                unsigned e = effective_eats(row.config, eats);
                bool illegal = ste_is_illegal(row.config, eats);
                g_autofree char *name =
                    g_strdup_printf("config-%s-eats-%s-atschk-%d",
                                    binary(row.config, 3), binary(eats, 2),
                                    atschk);
                g_autofree char *treq =
                    g_strdup_printf("%s-is-%s", name,
                                    illegal ? "ca" : e ? "granted" : "ur");
                g_autofree char *translated =
                    g_strdup_printf("%s-%s", name, !atschk || e ? "passes" :
                                    "is-refused");

                add("treq", treq, row.p, test_treq_config);
                add("translated", translated, row.p, test_translated_config);
                if (atschk) {
                    add("ordinary", name, row.p, test_ordinary_config);
                }
            }
        }
    }
}

static void add_invs(void)
{
    static const uint64_t flags[] = {
        ATC_INV_GLOBAL,
        ATC_INV_SSV | 0x12345ULL << 12,
        ATC_INV_SSV | ATC_INV_GLOBAL,
        0xfffffULL << 12,
    };
    static const char *const flag_names[] = {
        "global-is-ignored",
        "ssv-is-ignored",
        "ssv-and-global-are-ignored",
        "substream-id-is-ignored",
    };
    int i;

    for (i = 0; i <= ATC_INV_ALL; i++) {
        g_autofree char *name = g_strdup_printf("size-%02d-is-its-span", i);

        add("inv", name, GINT_TO_POINTER(i), test_inv_size);
    }
    for (; i <= 63; i += i == 53 ? 10 : 1) {
        g_autofree char *name = g_strdup_printf("size-%02d-is-cerror-ill", i);

        add("inv", name, GINT_TO_POINTER(i), test_inv_size_reserved);
    }
    for (i = 0; i < ARRAY_SIZE(flags); i++) {
        add("inv", flag_names[i], &flags[i], test_inv_flags);
    }
}

int main(int argc, char **argv)
{
    int i, ret;

    g_test_init(&argc, &argv, NULL);
    /* A model that is wrong in one thing is to be seen right in the others */
    g_test_set_nonfatal_assertions();

    if (!qtest_has_machine("virt") || !qtest_has_device("ats-testdev")) {
        return g_test_run();
    }

    qtest_add_func("/smmuv3-ats/id/ats-is-off-by-default-and-all-it-changes",
                   test_id);
    qtest_add_func("/smmuv3-ats/id/fwb", test_id_fwb);
    for (i = 0; i < ARRAY_SIZE(told_rows); i++) {
        add("dt", told_rows[i].name, &told_rows[i], test_dt);
        add("iort", told_rows[i].name, &told_rows[i], test_iort);
    }

    add_configs();
    for (i = 0; i < ARRAY_SIZE(configuration_errors); i++) {
        const Broken *b = &configuration_errors[i];
        g_autofree char *treq = g_strdup_printf("%s-is-ca", b->name);
        g_autofree char *translated =
            g_strdup_printf("%s-%s", b->name, b->ste ? "is-refused-silently" :
                            "is-not-looked-at");

        add("treq", treq, b, test_treq_error);
        add("translated", translated, b, test_translated_error);
    }
    for (i = 0; i < ARRAY_SIZE(translation_faults); i++) {
        g_autofree char *name =
            g_strdup_printf("fault-%s-grants-nothing",
                            translation_faults[i].name);

        add("treq", name, &translation_faults[i], test_treq_fault);
    }
    for (i = 0; i < ARRAY_SIZE(perms); i++) {
        add("treq/perm", perms[i].name, &perms[i], test_treq_perm);
        add("treq/perm-nw", perms[i].name, &perms[i], test_treq_perm_nw);
        add("treq/perm-tlb", perms[i].name, &perms[i], test_treq_perm_tlb);
    }
    qtest_add_func("/smmuv3-ats/treq/perm/ro-by-table", test_treq_perm_table);
    for (i = 0; i < ARRAY_SIZE(sizes); i++) {
        add("treq/size", sizes[i].name, &sizes[i], test_treq_size);
    }
    qtest_add_func("/smmuv3-ats/treq/rec-cfg-ats-is-res0",
                   test_treq_rec_cfg_ats);
    add("treq", "fault-input-stage-1-grants-nothing",
        GINT_TO_POINTER(CONFIG_S1), test_treq_fault_input);
    add("treq", "fault-input-stage-2-grants-nothing",
        GINT_TO_POINTER(CONFIG_S2), test_treq_fault_input);
    add("treq", "fault-input-nested-grants-nothing",
        GINT_TO_POINTER(CONFIG_NESTED), test_treq_fault_input);
    qtest_add_func("/smmuv3-ats/treq/range-is-granted-page-by-page",
                   test_treq_range);
    qtest_add_func("/smmuv3-ats/treq/smmuen-0-is-ur", test_treq_smmuen_0);
    qtest_add_func("/smmuv3-ats/treq/eventqen-0-is-ur-unrecorded",
                   test_treq_eventqen_0);
    qtest_add_func("/smmuv3-ats/treq/event-names-stream-and-address",
                   test_treq_event_fields);
    qtest_add_func("/smmuv3-ats/treq/vf-is-a-stream-of-its-own",
                   test_treq_vf);

    qtest_add_func("/smmuv3-ats/translated/smmuen-0-is-forbidden",
                   test_translated_smmuen_0);
    qtest_add_func("/smmuv3-ats/translated/atschk-refuses-what-eats-forbids",
                   test_translated_atschk);
    qtest_add_func("/smmuv3-ats/translated/eats-is-that-of-the-stream",
                   test_translated_stream);
    qtest_add_func("/smmuv3-ats/translated/address-is-a-pa",
                   test_translated_atc);
    qtest_add_func("/smmuv3-ats/translated/above-oas-is-aborted-silently",
                   test_translated_oas);

    add_invs();
    qtest_add_func("/smmuv3-ats/inv/stale-write-lands-until-atc-inv",
                   test_inv_stale_write);
    qtest_add_func("/smmuv3-ats/inv/stale-write-lands-if-the-device-ignores-it",
                   test_inv_ignored_by_device);
    qtest_add_func("/smmuv3-ats/inv/other-commands-leave-the-atc-alone",
                   test_inv_by_atc_inv_only);
    qtest_add_func("/smmuv3-ats/inv/page-of-a-block", test_inv_part_of_block);
    qtest_add_func("/smmuv3-ats/inv/several-complete-with-one-sync",
                   test_inv_batch);
    qtest_add_func("/smmuv3-ats/inv/only-the-stream-named", test_inv_stream);
    qtest_add_func("/smmuv3-ats/inv/no-such-stream-is-no-error",
                   test_inv_no_such_stream);
    qtest_add_func("/smmuv3-ats/inv/smmuen-0-is-ignored", test_inv_smmuen_0);
    qtest_add_func("/smmuv3-ats/inv/ur-is-no-error", test_inv_ur);
    qtest_add_func("/smmuv3-ats/inv/ste-is-not-asked", test_inv_without_ste);

    qtest_add_func("/smmuv3-ats/completion/sync-waits-for-late-completion",
                   test_completion_late);
    qtest_add_func("/smmuv3-ats/completion/only-sync-waits",
                   test_completion_only_sync_waits);
    qtest_add_func("/smmuv3-ats/completion/never-is-atc-inv-sync",
                   test_completion_never);
    qtest_add_func("/smmuv3-ats/completion/too-late-is-ignored",
                   test_completion_too_late);
    qtest_add_func("/smmuv3-ats/completion/out-of-order",
                   test_completion_out_of_order);
    qtest_add_func("/smmuv3-ats/completion/overtaken",
                   test_completion_overtaken);
    qtest_add_func("/smmuv3-ats/completion/cut-by-disable",
                   test_completion_cut);
    qtest_add_func("/smmuv3-ats/completion/no-ats-no-completion",
                   test_completion_no_atc);
    qtest_add_func("/smmuv3-ats/completion/disabled-may-answer",
                   test_completion_disabled);
    qtest_add_func("/smmuv3-ats/completion/in-flight",
                   test_completion_in_flight);
    qtest_add_func("/smmuv3-ats/completion/disabled-queue",
                   test_completion_disabled_queue);
    qtest_add_func("/smmuv3-ats/completion/reset", test_completion_reset);
    qtest_add_func("/smmuv3-ats/completion/off-by-default",
                   test_completion_off);

    qtest_add_func("/smmuv3-ats/off/treq-is-ur", test_off_treq);
    qtest_add_func("/smmuv3-ats/off/translated-is-aborted",
                   test_off_translated);
    qtest_add_func("/smmuv3-ats/off/eats-is-ignored", test_off_eats);
    qtest_add_func("/smmuv3-ats/off/atc-inv-reaches-nobody", test_off_inv);

    qtest_add_func("/smmuv3-ats/device/ats-on", test_device_form);
    qtest_add_func("/smmuv3-ats/device/ats-off", test_device_form_off);
    qtest_add_func("/smmuv3-ats/device/stage-1-only", test_device_form_stage1);
    qtest_add_func("/smmuv3-ats/device/stage-2-only", test_device_form_stage2);

    qtest_add_func("/smmuv3-ats/reset/leaves-nothing", test_reset);

    qtest_add_data_func("/smmuv3-ats/migration/is-refused-with-ats",
                        GINT_TO_POINTER(true), test_migrate);
    qtest_add_data_func("/smmuv3-ats/migration/is-not-refused-without",
                        GINT_TO_POINTER(false), test_migrate);
    qtest_add_func("/smmuv3-ats/migration/only-migratable-is-refused",
                   test_only_migratable);

    ret = g_test_run();
    ats_machine_quit();
    return ret;
}
