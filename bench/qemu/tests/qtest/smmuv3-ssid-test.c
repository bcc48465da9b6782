/*
 * QTest testcase for SubstreamIDs of the SMMUv3, which are PASIDs of PCIe
 *
 * Section numbers are those of the Arm SMMU architecture (IHI 0070).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "ats-testdev-qtest.h"

#define MACHINE     "-machine virt,gic-version=3,iommu=smmuv3 -cpu max " \
                    "-nodefaults -global arm-smmuv3.stage=nested " \
                    "-global arm-smmuv3.ats=on "
#define SSIDS       "-global arm-smmuv3.ssidsize=3 "
#define DEVICE      "-device ats-testdev,bus=pcie.0,addr=0x4,pasid-width=4 "
#define SID         0x020
#define PF_AND_VF   "-device pcie-root-port,id=rp0,bus=pcie.0,addr=0x3," \
                    "chassis=1 " \
                    "-device ats-testdev,bus=rp0,addr=0x0.0x1,sriov-pf=pf0 " \
                    "-device ats-testdev,id=pf0,bus=rp0,addr=0x0.0x0," \
                    "pasid-width=4 "
#define SID_PORT    0x018
#define SID_PF      0x100

/* Enough CDs for SubstreamIDs 0 to 3 */
#define S1CDMAX     2
#define SSIDS_USED  4

#define IOVA        (ATS_DATA + 0x40000)
#define UNMAPPED    (ATS_DATA + 0x50000)
#define PA_S1(ssid) (ATS_DATA + 0x10000 + 0x1000 * (ssid))
#define PA_S1S2(ssid) (ATS_DATA + 0x20000 + 0x1000 * (ssid))
#define PA_S2       (ATS_DATA + 0x30000)

#define PERM_RW     (ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W)
#define VALUE       0xdeadbeefU

/* 5.2, STE.S1DSS */
enum {
    S1DSS_TERMINATE = 0,
    S1DSS_BYPASS = 1,
    S1DSS_SSID0 = 2,
    S1DSS_RESERVED = 3,
};

typedef struct Test {
    ATSMachine m;
    ATSDev dev;
    ATSTables s1[SSIDS_USED];
} Test;

/*
 * The CD of each SubstreamID maps the one address to a place of its own, by
 * tables in a @slot of their own
 */
static void write_cd(Test *t, uint32_t ssid, int slot, uint64_t pa)
{
    ATSCd cd = smmu_cd(&t->m);

    ats_tables_init(&t->m, &t->s1[ssid],
                    ATS_S1_TABLES + 0x80000 + 0x20000 * slot, 12, 0);
    ats_map(&t->m, &t->s1[ssid], IOVA, pa, S1_RW);
    cd.d[0] += (uint64_t)ssid << 48; /* ASID */
    cd.d[1] = t->s1[ssid].root;
    smmu_cd_write(&t->m, ssid, &cd);
}

static void start_smmu(Test *t)
{
    uint32_t ssid;

    smmu_init(&t->m);
    for (ssid = 0; ssid < SSIDS_USED; ssid++) {
        write_cd(t, ssid, ssid, PA_S1(ssid));
        ats_map(&t->m, &t->m.s2, PA_S1(ssid), PA_S1S2(ssid), S2_RW);
    }
    ats_map(&t->m, &t->m.s2, IOVA, PA_S2, S2_RW);
    smmu_cr0(&t->m, CR0_ALL);
}

static void start_args(Test *t, const char *args)
{
    ats_machine_init(&t->m, args);
    ats_dev_init(&t->dev, &t->m, SID);
    ats_dev_enable_pasid(&t->dev);
    ats_dev_enable(&t->dev, 0);
    start_smmu(t);
}

static void set_ste_of(Test *t, uint32_t sid, unsigned config,
                       unsigned s1cdmax, unsigned s1dss)
{
    ATSSte ste = smmu_ste(&t->m, config, EATS_FULL);

    ste.d[0] |= STE_S1CDMAX(s1cdmax);
    ste.d[1] |= STE1_S1DSS(s1dss);
    smmu_ste_set(&t->m, sid, &ste);
}

static void set_ste(Test *t, unsigned config, unsigned s1cdmax, unsigned s1dss)
{
    set_ste_of(t, t->dev.sid, config, s1cdmax, s1dss);
}

static void start(Test *t)
{
    start_args(t, MACHINE SSIDS DEVICE);
    set_ste(t, CONFIG_S1, S1CDMAX, S1DSS_SSID0);
}

/* What becomes of a transaction: an event, or where it goes */
typedef struct Outcome {
    unsigned event;
    bool aborted;       /* without an event */
    uint64_t pa;
} Outcome;

/* 3.3.2, 5.2 (Config, S1CDMax, S1DSS), 7.3.7 and 7.3.9 */
static Outcome outcome(unsigned config, unsigned s1cdmax, unsigned s1dss,
                       uint32_t ssid)
{
    bool s1 = config & 1, s2 = config & 2;
    uint32_t cd = 0;

    if (!(config & 4)) {
        return (Outcome) { .aborted = true };
    }
    if (ssid != ATS_NO_PASID) {
        if (!s1 || !s1cdmax || ssid >= 1 << s1cdmax) {
            return (Outcome) { .event = C_BAD_SUBSTREAMID };
        }
        if (ssid == 0 && s1dss == S1DSS_SSID0) {
            return (Outcome) { .event = F_STREAM_DISABLED };
        }
        cd = ssid;
    } else if (s1 && s1cdmax) {
        if (s1dss == S1DSS_BYPASS) {
            s1 = false;
        } else if (s1dss != S1DSS_SSID0) {
            return (Outcome) { .event = F_STREAM_DISABLED };
        }
    }
    if (!s1) {
        return (Outcome) { .pa = s2 ? PA_S2 : IOVA };
    }
    return (Outcome) { .pa = s2 ? PA_S1S2(cd) : PA_S1(cd) };
}

typedef union Row {
    struct {
        uint8_t config, s1cdmax;
    };
    gpointer p;
} Row;

static const uint32_t ssids[] = { ATS_NO_PASID, 0, 1, 3, 4 };

static void check_ordinary(Test *t, uint32_t ssid, const Outcome *o)
{
    bool passes = !o->aborted && !o->event;
    uint64_t event[4];

    ats_set_pasid(&t->dev, ssid);
    if (passes) {
        ats_mem_write(&t->m, o->pa, 0);
    }
    g_assert_cmpuint(ats_cmd_write(&t->dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                   VALUE), ==,
                     passes ? ATS_TESTDEV_OK : ATS_TESTDEV_ABORTED);
    if (passes) {
        g_assert_cmphex(ats_mem_read(&t->m, o->pa), ==, VALUE);
    }
    smmu_assert_event(&t->m, o->event, SID, event);
    g_assert_cmphex(EVT_SSID(event[0]), ==,
                    o->event == C_BAD_SUBSTREAMID ? ssid : 0);
    g_assert_cmphex(event[0] & EVT_SSV, ==, 0);
}

/* 3.9.1.2: what would be an event is Completer Abort, and not recorded */
static void check_treq(Test *t, unsigned config, uint32_t ssid,
                       const Outcome *o)
{
    ats_set_pasid(&t->dev, ssid);
    if (o->aborted) {
        g_assert_cmpuint(ats_treq(&t->dev, IOVA), ==, ATS_TESTDEV_UR);
    } else if (config == CONFIG_BYPASS) {
        uint64_t event[4];

        g_assert_cmpuint(ats_treq(&t->dev, IOVA), ==, ATS_TESTDEV_UR);
        smmu_assert_event(&t->m, F_BAD_ATS_TREQ, SID, event);
        g_assert_cmphex(event[0] & EVT_SSV, ==,
                        ssid == ATS_NO_PASID ? 0 : EVT_SSV);
        g_assert_cmphex(EVT_SSID(event[0]), ==,
                        ssid == ATS_NO_PASID ? 0 : ssid);
    } else if (o->event) {
        g_assert_cmpuint(ats_treq(&t->dev, IOVA), ==, ATS_TESTDEV_CA);
    } else {
        ats_assert_treq(&t->dev, ATS_TESTDEV_CMD_TREQ, IOVA + 0x123,
                        o->pa + 0x123, PERM_RW);
        ats_assert_cached(&t->dev, IOVA, o->pa);
    }
    smmu_assert_no_event(&t->m);
    ats_cmd(&t->dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);
}

static void test_config(const void *data)
{
    Row row = { .p = (gpointer)data };
    unsigned s1dss;
    Test t;
    int i;

    start(&t);
    for (s1dss = S1DSS_TERMINATE; s1dss <= S1DSS_RESERVED; s1dss++) {
        set_ste(&t, row.config, row.s1cdmax, s1dss);
        for (i = 0; i < ARRAY_SIZE(ssids); i++) {
            Outcome o = outcome(row.config, row.s1cdmax, s1dss, ssids[i]);

            check_treq(&t, row.config, ssids[i], &o);
            /* The device cannot send PASID 0 with anything else */
            if (ssids[i] != 0) {
                check_ordinary(&t, ssids[i], &o);
            }
        }
    }
}

/* 7.3.6: that ATS is disallowed comes before what is wrong with a substream */
static void test_treq_eats(void)
{
    const uint32_t with[] = { ATS_NO_PASID, 0, 1, 4 };
    uint64_t event[4];
    ATSCd none = {};
    ATSSte ste;
    Test t;
    int i;

    start(&t);
    smmu_cd_write(&t.m, 1, &none);
    ste = smmu_ste(&t.m, CONFIG_S1, EATS_NONE);
    ste.d[0] |= STE_S1CDMAX(S1CDMAX);
    ste.d[1] |= STE1_S1DSS(S1DSS_TERMINATE);
    smmu_ste_set(&t.m, SID, &ste);
    for (i = 0; i < ARRAY_SIZE(with); i++) {
        ats_set_pasid(&t.dev, with[i]);
        g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_UR);
        smmu_assert_event(&t.m, F_BAD_ATS_TREQ, SID, event);
    }
}

/* 3.4, 5.2 (S1DSS): there is an input address size where stage 1 is skipped */
static void test_bypass_size(void)
{
    const uint64_t beyond = 1ULL << 44 | IOVA;
    uint64_t event[4];
    Test t;

    start(&t);
    set_ste(&t, CONFIG_S1, S1CDMAX, S1DSS_BYPASS);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, IOVA, PERM_RW);
    ats_assert_treq_denied(&t.dev, ATS_TESTDEV_CMD_TREQ, beyond);
    smmu_assert_no_event(&t.m);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, beyond,
                                   VALUE), ==, ATS_TESTDEV_ABORTED);
    smmu_assert_event(&t.m, F_ADDR_SIZE, SID, event);
    g_assert_cmphex(event[2], ==, beyond);
}

/* 5.2: what S1CDMax and S1Fmt must not be, if stage 1 is enabled */
static void test_illegal_ste(void)
{
    const struct {
        unsigned config;
        uint64_t d0;
        unsigned event;
    } rows[] = {
        { CONFIG_S1, STE_S1CDMAX(3), EVT_NONE },
        { CONFIG_S1, STE_S1CDMAX(4), C_BAD_STE },
        { CONFIG_NESTED, STE_S1CDMAX(31), C_BAD_STE },
        { CONFIG_S2, STE_S1CDMAX(4), EVT_NONE },
        { CONFIG_S1, STE_S1CDMAX(2) | STE_S1FMT(1), C_BAD_STE },
        { CONFIG_S1, STE_S1CDMAX(2) | STE_S1FMT(2), C_BAD_STE },
        { CONFIG_S1, STE_S1FMT(1), EVT_NONE },
        { CONFIG_S2, STE_S1CDMAX(2) | STE_S1FMT(1), EVT_NONE },
    };
    uint64_t event[4];
    Test t;
    int i;

    start(&t);
    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        ATSSte ste = smmu_ste(&t.m, rows[i].config, EATS_FULL);

        ste.d[0] |= rows[i].d0;
        ste.d[1] |= STE1_S1DSS(S1DSS_SSID0);
        smmu_ste_set(&t.m, SID, &ste);
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA,
                                       VALUE), ==,
                         rows[i].event ? ATS_TESTDEV_ABORTED : ATS_TESTDEV_OK);
        smmu_assert_event(&t.m, rows[i].event, SID, event);
        g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==,
                         rows[i].event ? ATS_TESTDEV_CA : ATS_TESTDEV_OK);
        smmu_assert_no_event(&t.m);
    }
}

/* 7.3: an event says which substream the transaction was of, if it was */
static void test_event_fields(void)
{
    const uint32_t with[] = { ATS_NO_PASID, 1, 3 };
    ATSCd none = {};
    uint64_t event[4];
    Test t;
    int i;

    start(&t);
    for (i = 0; i < ARRAY_SIZE(with); i++) {
        bool ssv = with[i] != ATS_NO_PASID;

        ats_set_pasid(&t.dev, with[i]);
        g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, UNMAPPED,
                                       VALUE), ==, ATS_TESTDEV_ABORTED);
        smmu_assert_event(&t.m, F_TRANSLATION, SID, event);
        g_assert_cmphex(event[0] & EVT_SSV, ==, ssv ? EVT_SSV : 0);
        g_assert_cmphex(EVT_SSID(event[0]), ==, ssv ? with[i] : 0);
        g_assert_cmphex(event[2], ==, UNMAPPED);
    }

    smmu_cd_write(&t.m, 1, &none);
    smmu_cfgi(&t.m, SID);
    ats_set_pasid(&t.dev, 1);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA, VALUE),
                     ==, ATS_TESTDEV_ABORTED);
    smmu_assert_event(&t.m, C_BAD_CD, SID, event);
    g_assert_cmphex(event[0] & EVT_SSV, ==, EVT_SSV);
    g_assert_cmphex(EVT_SSID(event[0]), ==, 1);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_CA);
    smmu_assert_no_event(&t.m);
}

/* 4.3: after CMD_CFGI_CD the new CD is in use, and the others still are */
static void test_cfgi_cd(void)
{
    Test t;

    start(&t);
    ats_set_pasid(&t.dev, 1);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(1), PERM_RW);
    ats_set_pasid(&t.dev, 2);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(2), PERM_RW);

    write_cd(&t, 1, SSIDS_USED, PA_S1(3));
    smmu_cmd_queue(&t.m, CMD_CFGI_CD | CMD_SSID(1) | (uint64_t)SID << 32,
                   CFGI_CD_LEAF);
    smmu_tlbi_all(&t.m);
    ats_set_pasid(&t.dev, 1);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(3), PERM_RW);
    ats_set_pasid(&t.dev, 2);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(2), PERM_RW);
}

/* 4.5.1, and PCIe: what of the ATC an invalidation is about */
static void test_atc_inv(void)
{
    const uint32_t with[] = { ATS_NO_PASID, 1, 2 };
    const struct {
        uint64_t d0;
        bool gone[ARRAY_SIZE(with)];
        uint32_t pasid;
        uint64_t offset;
    } rows[] = {
        /* Without a PASID it is about all that has one, too, at any address */
        { 0, { true, true, true }, 0 },
        { 0, { false, true, true }, 0, .offset = 0x1000 },
        /* Global is Reserved without a PASID */
        { ATC_INV_GLOBAL, { true, true, true }, 0 },
        { CMD_SSID(1), { true, true, true }, 0 },
        { ATC_INV_SSV | CMD_SSID(1), { false, true, false },
          ATS_TESTDEV_PASID_VALID | 1 },
        { ATC_INV_SSV | CMD_SSID(1), { false, false, false },
          ATS_TESTDEV_PASID_VALID | 1, .offset = 0x1000 },
        { ATC_INV_SSV | CMD_SSID(2), { false, false, true },
          ATS_TESTDEV_PASID_VALID | 2 },
        { ATC_INV_SSV | CMD_SSID(3), { false, false, false },
          ATS_TESTDEV_PASID_VALID | 3 },
        { ATC_INV_SSV | ATC_INV_GLOBAL | CMD_SSID(1), { false, true, true },
          ATS_TESTDEV_PASID_VALID | 1 },
    };
    Test t;
    int i, j;

    start(&t);
    /* So that it is open to what comes with this */
    ats_set_pasid(&t.dev, 3);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_OK);

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t invs = ats_read(&t.dev, ATS_TESTDEV_INVS);

        ats_cmd(&t.dev, ATS_TESTDEV_CMD_FLUSH, 0, 0);
        for (j = 0; j < ARRAY_SIZE(with); j++) {
            ats_set_pasid(&t.dev, with[j]);
            g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_OK);
        }
        smmu_cmd_queue(&t.m, CMD_ATC_INV | rows[i].d0 | (uint64_t)SID << 32,
                       IOVA + rows[i].offset);
        smmu_cmd_sync(&t.m);
        for (j = 0; j < ARRAY_SIZE(with); j++) {
            ats_set_pasid(&t.dev, with[j]);
            if (rows[i].gone[j]) {
                ats_assert_not_cached(&t.dev, IOVA);
            } else {
                ats_assert_cached(&t.dev, IOVA, PA_S1(j));
            }
        }
        ats_assert_reg(&t.dev, ATS_TESTDEV_INV_PASID, rows[i].pasid);
        ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, invs + 1);
    }

    /* Nobody has one that is wider than a SubstreamID */
    ats_set_pasid(&t.dev, 9);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_OK);
    smmu_cmd_queue(&t.m, CMD_ATC_INV | ATC_INV_SSV | CMD_SSID(9) |
                   (uint64_t)SID << 32, IOVA);
    smmu_cmd_sync(&t.m);
    ats_assert_cached(&t.dev, IOVA, PA_S1(1));
}

/* The ATC keeps what is of one PASID from another */
static void test_atc(void)
{
    Test t;

    start(&t);
    ats_set_pasid(&t.dev, 1);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_OK);
    ats_mem_write(&t.m, PA_S1(1), 0);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_OK);
    g_assert_cmphex(ats_mem_read(&t.m, PA_S1(1)), ==, VALUE);
    ats_set_pasid(&t.dev, 2);
    ats_assert_not_cached(&t.dev, IOVA);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE_ATC, IOVA,
                                   VALUE), ==, ATS_TESTDEV_MISS);
    ats_set_pasid(&t.dev, ATS_NO_PASID);
    ats_assert_not_cached(&t.dev, IOVA);
    smmu_assert_no_event(&t.m);
}

static void treq_ssid1(ATSDev *dev)
{
    ats_set_pasid(dev, 1);
    ats_assert_treq(dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(1), PERM_RW);
    ats_assert_cached(dev, IOVA, PA_S1(1));
}

/* The device of the test is a VF: the PASIDs are its own, PASID Enable is not */
static void start_vf(Test *t, ATSDev *pf)
{
    ats_machine_init(&t->m, MACHINE SSIDS PF_AND_VF);
    ats_port_init(&t->m, SID_PORT, SID_PF >> 8);
    ats_dev_init(pf, &t->m, SID_PF);
    ats_dev_enable_pasid(pf);
    ats_vf_init(&t->dev, pf);
    ats_dev_enable(&t->dev, 0);
    start_smmu(t);
    set_ste(t, CONFIG_S1, S1CDMAX, S1DSS_SSID0);
    treq_ssid1(&t->dev);
}

static void atc_inv_ssid1(Test *t, uint16_t sid)
{
    smmu_cmd_queue(&t->m, CMD_ATC_INV | ATC_INV_SSV | CMD_SSID(1) |
                   (uint64_t)sid << 32, IOVA);
    smmu_cmd_sync(&t->m);
}

static void test_vf(void)
{
    ATSDev pf;
    Test t;

    start_vf(&t, &pf);
    atc_inv_ssid1(&t, pf.sid);
    ats_assert_cached(&t.dev, IOVA, PA_S1(1));
    atc_inv_ssid1(&t, t.dev.sid);
    ats_assert_not_cached(&t.dev, IOVA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);

    /* It does not support Global Invalidate: the flag is ignored */
    treq_ssid1(&t.dev);
    ats_set_pasid(&t.dev, 2);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_OK);
    smmu_cmd_queue(&t.m, CMD_ATC_INV | ATC_INV_SSV | ATC_INV_GLOBAL |
                   CMD_SSID(1) | (uint64_t)t.dev.sid << 32, IOVA);
    smmu_cmd_sync(&t.m);
    ats_assert_cached(&t.dev, IOVA, PA_S1(2));
    ats_set_pasid(&t.dev, 1);
    ats_assert_not_cached(&t.dev, IOVA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 2);
    smmu_assert_no_event(&t.m);
}

/* They go while PASID Enable is clear, and nobody asks them any more */
static void test_unplugged(void)
{
    uint16_t pasid, port;
    ATSDev pf;
    Test t;

    start_vf(&t, &pf);
    ats_dev_enable(&pf, 0);
    set_ste_of(&t, SID_PF, CONFIG_S1, S1CDMAX, S1DSS_SSID0);
    treq_ssid1(&pf);
    pasid = ats_find_ext_cap(&t.m, SID_PF, PCI_EXT_CAP_ID_PASID);
    ats_cfg_writew(&t.m, SID_PF, pasid + PCI_PASID_CTRL, 0);
    port = ats_find_cap(&t.m, SID_PORT, PCI_CAP_ID_EXP);
    qtest_qmp_device_del_send(t.m.qts, "pf0");
    ats_cfg_writew(&t.m, SID_PORT, port + PCI_EXP_SLTCTL,
                   PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PCC);
    qtest_qmp_eventwait(t.m.qts, "DEVICE_DELETED");
    atc_inv_ssid1(&t, SID_PF);
    atc_inv_ssid1(&t, t.dev.sid);
    smmu_assert_no_event(&t.m);
    /* No other test is to have this machine */
    ats_machine_quit();
}

/* Without ssidsize there are none: 5.2 and 7.3.9 for SSIDSIZE == 0 */
static void test_none(void)
{
    uint64_t event[4];
    Test t;

    start(&t);
    g_assert_cmpuint(IDR1_SSIDSIZE(smmu_read(&t.m, SMMU_IDR1)), ==, 3);

    start_args(&t, MACHINE DEVICE);
    g_assert_cmpuint(IDR1_SSIDSIZE(smmu_read(&t.m, SMMU_IDR1)), ==, 0);
    smmu_ste_config(&t.m, SID, CONFIG_S1, EATS_FULL);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(0), PERM_RW);
    ats_set_pasid(&t.dev, 1);
    g_assert_cmpuint(ats_treq(&t.dev, IOVA), ==, ATS_TESTDEV_CA);
    smmu_assert_no_event(&t.m);
    g_assert_cmpuint(ats_cmd_write(&t.dev, ATS_TESTDEV_CMD_WRITE, IOVA, VALUE),
                     ==, ATS_TESTDEV_ABORTED);
    smmu_assert_event(&t.m, C_BAD_SUBSTREAMID, SID, event);

    /* S1CDMax is ignored, and with it S1DSS and S1Fmt */
    set_ste(&t, CONFIG_S1, S1CDMAX, S1DSS_TERMINATE);
    ats_set_pasid(&t.dev, ATS_NO_PASID);
    ats_assert_treq(&t.dev, ATS_TESTDEV_CMD_TREQ, IOVA, PA_S1(0), PERM_RW);

    /* There ATC_INV takes SSV == 1 for SSV == 0 */
    smmu_cmd_queue(&t.m, CMD_ATC_INV | ATC_INV_SSV | CMD_SSID(1) |
                   (uint64_t)SID << 32, IOVA);
    smmu_cmd_sync(&t.m);
    ats_assert_not_cached(&t.dev, IOVA);
    ats_assert_reg(&t.dev, ATS_TESTDEV_INVS, 1);
}

static void test_bad_ssidsize(void)
{
    g_autofree char *err = NULL, *dtb = NULL;
    gsize size;

    dtb = ats_machine_dtb(",iommu=smmuv3", "-global arm-smmuv3.ssidsize=9",
                          &size, &err);
    g_assert_null(dtb);
    g_assert_nonnull(strstr(err, "ssidsize must be between 0 and 8"));
}

int main(int argc, char **argv)
{
    static const uint8_t configs[] = {
        CONFIG_ABORT, CONFIG_BYPASS, CONFIG_S1, CONFIG_S2, CONFIG_NESTED,
    };
    int i, ret;

    g_test_init(&argc, &argv, NULL);

    for (i = 0; i < ARRAY_SIZE(configs) * 2; i++) {
        Row row = { .config = configs[i / 2], .s1cdmax = i % 2 * S1CDMAX };
        g_autofree char *path =
            g_strdup_printf("/smmuv3-ssid/config/%d%d%d-s1cdmax-%d",
                            row.config >> 2, row.config >> 1 & 1,
                            row.config & 1, row.s1cdmax);

        qtest_add_data_func(path, row.p, test_config);
    }
    qtest_add_func("/smmuv3-ssid/treq-eats-none", test_treq_eats);
    qtest_add_func("/smmuv3-ssid/bypass-address-size", test_bypass_size);
    qtest_add_func("/smmuv3-ssid/illegal-ste", test_illegal_ste);
    qtest_add_func("/smmuv3-ssid/event-fields", test_event_fields);
    qtest_add_func("/smmuv3-ssid/cfgi-cd", test_cfgi_cd);
    qtest_add_func("/smmuv3-ssid/atc-inv", test_atc_inv);
    qtest_add_func("/smmuv3-ssid/atc-is-by-pasid", test_atc);
    qtest_add_func("/smmuv3-ssid/vf", test_vf);
    qtest_add_func("/smmuv3-ssid/unplugged", test_unplugged);
    qtest_add_func("/smmuv3-ssid/none", test_none);
    qtest_add_func("/smmuv3-ssid/ssidsize-9-is-refused", test_bad_ssidsize);

    ret = g_test_run();
    ats_machine_quit();
    return ret;
}
