/* Field table, presets, reader, writer, --set, consistency. */
#include "hwspace/arch.h"
#include "hwspace/base/embed.h"
#include "hwspace/base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const preset_names[] = {"baseline", "isaac", "jain2021", "jia2021", "puma"};

static cim_hw_arch load(const char *name)
{
    cim_hw_arch a;
    cim_err err = {0};
    if (cim_hw_arch_load(name, &a, &err) != CIM_OK)
        fail_msg("%s: %s: %s", name, err.where, err.message);
    return a;
}

static void assert_same(const cim_hw_arch *a, const cim_hw_arch *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->source, b->source);
    for (size_t i = 0; i < cim_hw_n_fields; i++) {
        double x = cim_hw_field_get(a, &cim_hw_fields[i]),
               y = cim_hw_field_get(b, &cim_hw_fields[i]);
        if (!(x == y || (isnan(x) && isnan(y))))
            fail_msg("%s: %.17g and %.17g", cim_hw_fields[i].path, x, y);
    }
    assert_int_equal(a->n_parts, b->n_parts);
    for (int64_t i = 0; i < a->n_parts; i++) {
        assert_string_equal(a->parts[i].component, b->parts[i].component);
        assert_int_equal(a->parts[i].tier, b->parts[i].tier);
        assert_true(a->parts[i].count == b->parts[i].count);
    }
    assert_int_equal(a->noc_cost_n, b->noc_cost_n);
    for (int64_t i = 0; i < a->noc_cost_n * a->noc_cost_n; i++)
        assert_true(a->noc_cost[i] == b->noc_cost[i]);
    assert_true(!a->sources == !b->sources);
    for (size_t i = 0; a->sources && i < cim_hw_n_fields + 2; i++) {
        assert_true(!a->sources[i] == !b->sources[i]);
        if (a->sources[i])
            assert_string_equal(a->sources[i], b->sources[i]);
    }
}

/* ---- the field table ---- */

static void test_fields_complete(void **state)
{
    (void)state;
    static const char *const contract[] = {"computing_mode",
                                           "technology_nm",
                                           "supply_v",
                                           "clock_mhz",
                                           "chip.cores",
                                           "chip.noc",
                                           "chip.noc_bits_per_cycle",
                                           "chip.buffer_kib",
                                           "chip.buffer_bits_per_cycle",
                                           "chip.alu_ops_per_cycle",
                                           "chip.offchip_gb_per_s",
                                           "core.crossbars",
                                           "core.buffer_kib",
                                           "core.buffer_bits_per_cycle",
                                           "core.alu_ops_per_cycle",
                                           "crossbar.rows",
                                           "crossbar.cols",
                                           "crossbar.parallel_rows",
                                           "crossbar.adcs",
                                           "crossbar.adc_bits",
                                           "crossbar.dac_bits",
                                           "crossbar.read_ns",
                                           "crossbar.adc_msps",
                                           "device.type",
                                           "device.bits_per_cell",
                                           "adc.model",
                                           "workload.weight_bits",
                                           "workload.activation_bits",
                                           "workload.batch",
                                           "workload.sequence_length",
                                           "schedule.level",
                                           "schedule.objective",
                                           "schedule.pipeline",
                                           "schedule.duplication",
                                           "schedule.max_copies",
                                           "schedule.segmentation",
                                           "schedule.binding",
                                           "crossbar.signed_weights",
                                           "schedule.tiling",
                                           "schedule.packing",
                                           "schedule.dynamic_products",
                                           "schedule.stagger",
                                           "schedule.remap",
                                           "schedule.placement",
                                           "schedule.peak_power_cap_w"};
    for (size_t i = 0; i < sizeof contract / sizeof *contract; i++)
        if (cim_hw_field_find(contract[i]) < 0)
            fail_msg("no field %s", contract[i]);
    for (size_t i = 0; i < cim_hw_n_fields; i++) {
        const cim_hw_field *f = &cim_hw_fields[i];
        assert_int_equal(cim_hw_field_find(f->path), (int)i);
        assert_true(f->doc && strlen(f->doc) > 4);
        assert_non_null(f->unit);
        assert_true(f->min <= f->max);
        assert_true((f->choices != NULL) == (f->type == CIM_HW_CHOICE));
        if (f->choices) {
            size_t n = 0;
            while (f->choices[n])
                n++;
            assert_int_equal(n, (size_t)f->max + 1);
        }
        if (!isnan(f->fallback))
            assert_int_equal(cim_hw_field_check(f, f->fallback, "", NULL), CIM_OK);
        if (f->fallback_path) /* must be read before */
            assert_in_range(cim_hw_field_find(f->fallback_path), 0, (int)i - 1);
        if (f->optional)
            assert_int_equal(f->type, CIM_HW_REAL);
    }
    const cim_hw_field *bits[] = {&cim_hw_fields[cim_hw_field_find("crossbar.adc_bits")],
                                  &cim_hw_fields[cim_hw_field_find("crossbar.dac_bits")],
                                  &cim_hw_fields[cim_hw_field_find("workload.weight_bits")],
                                  &cim_hw_fields[cim_hw_field_find("workload.activation_bits")]};
    for (size_t i = 0; i < 4; i++)
        assert_true(bits[i]->min == 1 && bits[i]->max == 16);
    const cim_hw_field *cell = &cim_hw_fields[cim_hw_field_find("device.bits_per_cell")];
    assert_true(cell->min == 1 && cell->max == 8);
}

/* Every field has storage of its own: writing one changes no other. */
static void test_fields_disjoint(void **state)
{
    (void)state;
    cim_hw_arch a;
    memset(&a, 0, sizeof a);
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        cim_hw_field_put(&a, &cim_hw_fields[i], (double)(i + 1));
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        assert_true(cim_hw_field_get(&a, &cim_hw_fields[i]) == (double)(i + 1));
}

/* The README's table is the field table: regenerate a row here, look for it there. */
static void test_fields_documented(void **state)
{
    (void)state;
    char *text;
    size_t size;
    assert_int_equal(
        cim_file_read(CIM_TEST_DATA "/../../hwspace/README.md", 1 << 20, &text, &size, NULL),
        CIM_OK);
    for (size_t i = 0; i < cim_hw_n_fields; i++) {
        const cim_hw_field *f = &cim_hw_fields[i];
        char allowed[200], fallback[80], row[600];
        cim_hw_field_allowed(f, allowed, sizeof allowed);
        if (f->fallback_path)
            snprintf(fallback, sizeof fallback, "`%s`", f->fallback_path);
        else if (isnan(f->fallback) && !f->optional)
            snprintf(fallback, sizeof fallback, "required");
        else
            cim_hw_field_text(f, f->fallback, fallback, sizeof fallback);
        snprintf(row, sizeof row, "| `%s` | %s | %s | %s |", f->path, allowed, fallback, f->doc);
        if (!strstr(text, row))
            fail_msg("hwspace/README.md lacks the row:\n%s", row);
    }
    cim_free(text);
}

static void test_field_text(void **state)
{
    (void)state;
    char buf[200];
    const cim_hw_field *level = &cim_hw_fields[cim_hw_field_find("schedule.level")];
    const cim_hw_field *stagger = &cim_hw_fields[cim_hw_field_find("schedule.stagger")];
    const cim_hw_field *bits = &cim_hw_fields[cim_hw_field_find("crossbar.adc_bits")];
    const cim_hw_field *link = &cim_hw_fields[cim_hw_field_find("chip.noc_bits_per_cycle")];
    assert_string_equal(cim_hw_field_text(level, 2, buf, sizeof buf), "mvm");
    assert_string_equal(cim_hw_field_text(stagger, 1, buf, sizeof buf), "true");
    assert_string_equal(cim_hw_field_text(bits, 8, buf, sizeof buf), "8");
    assert_string_equal(cim_hw_field_text(link, NAN, buf, sizeof buf), "null");
    assert_string_equal(cim_hw_field_text(link, 0.1, buf, sizeof buf), "0.1");
    assert_string_equal(cim_hw_field_allowed(level, buf, sizeof buf), "none, cg, mvm, vvm");
    assert_string_equal(cim_hw_field_allowed(stagger, buf, sizeof buf), "false or true");
    assert_string_equal(cim_hw_field_allowed(bits, buf, sizeof buf), "an integer from 1 to 16 bit");
    cim_err err = {0};
    assert_int_equal(cim_hw_field_check(bits, 17, "here", &err), CIM_E_INPUT);
    assert_string_equal(err.message,
                        "crossbar.adc_bits: found 17, allowed is an integer from 1 to 16 bit");
    assert_int_equal(cim_hw_field_check(bits, 7.5, "", NULL), CIM_E_INPUT);
    assert_int_equal(cim_hw_field_check(bits, NAN, "", NULL), CIM_E_INPUT);
    assert_int_equal(cim_hw_field_check(link, NAN, "", NULL), CIM_OK);
    assert_int_equal(cim_hw_field_check(level, 4, "", NULL), CIM_E_INPUT);
}

/* ---- presets ---- */

static void test_presets_load(void **state)
{
    (void)state;
    const char *name;
    char line[256], reason[256];
    size_t n = 0;
    for (; cim_hw_preset_at(n, &name, line, sizeof line); n++) {
        assert_string_equal(name, preset_names[n]);
        cim_hw_arch a = load(name);
        assert_string_equal(a.name, name);
        assert_true(strlen(a.source) > 20);
        assert_true(strlen(line) > 20);
        if (!cim_hw_arch_consistent(&a, reason, sizeof reason))
            fail_msg("%s: %s", name, reason);
        for (size_t i = 0; i < cim_hw_n_fields; i++)
            assert_int_equal(cim_hw_field_check(&cim_hw_fields[i],
                                                cim_hw_field_get(&a, &cim_hw_fields[i]), "", NULL),
                             CIM_OK);
        cim_hw_arch_clear(&a);
    }
    assert_int_equal(n, sizeof preset_names / sizeof *preset_names);
}

/* Each value a preset gives has a source, and no source is for a value it does not give. */
static void test_presets_sources(void **state)
{
    (void)state;
    for (const cim_embedded_file *e = cim_embedded_presets; e->name; e++) {
        cim_json *doc;
        assert_int_equal(cim_json_parse((const char *)e->begin, (size_t)(e->end - e->begin),
                                        e->name, &doc, NULL),
                         CIM_OK);
        const cim_json_node *root = cim_json_root(doc), *sources = cim_json_find(root, "sources");
        assert_non_null(sources);
        size_t given = 0;
        for (size_t i = 0; i < cim_hw_n_fields; i++) {
            char path[64];
            snprintf(path, sizeof path, "%s", cim_hw_fields[i].path);
            char *dot = strchr(path, '.');
            const cim_json_node *at = root;
            if (dot) {
                *dot = '\0';
                at = cim_json_find(root, path);
            }
            if (!at || !cim_json_find(at, dot ? dot + 1 : path))
                continue;
            given++;
            if (!cim_json_find(sources, cim_hw_fields[i].path))
                fail_msg("%s: no source for %s", e->name, cim_hw_fields[i].path);
        }
        assert_non_null(cim_json_find(sources, "components"));
        assert_int_equal(cim_json_count(sources), given + 1);
        /* Hardware values are all stated, absent ones as null; only schedule knobs default. */
        assert_true(given >= 27);
        cim_json_free(doc);
    }
}

static void test_preset_numbers(void **state)
{
    (void)state;
    cim_hw_arch a = load("isaac");
    /* 168 tiles x 12 IMAs x 8 crossbars x 128 x 128 cells x 2 bit = 63 MiB (ISAAC: 0.74 MB/mm2
     * x 85.4 mm2). */
    assert_true(cim_hw_arch_capacity_bits(&a) == 63.0 * 8 * 1024 * 1024);
    /* Converter keeps up: 128 columns in one 100 ns read. */
    assert_true((double)a.crossbar.cols / a.crossbar.adc_msps * 1e3 == a.crossbar.read_ns);
    double registers = 0;
    for (int64_t i = 0; i < a.n_parts; i++)
        if (!strcmp(a.parts[i].component, "isaac.input_register_2kb"))
            registers += a.parts[i].count * (double)a.core.crossbars;
    assert_true(registers == 12); /* one per IMA */
    cim_hw_arch_clear(&a);

    a = load("jia2021"); /* 16 x 288 Kibit = 4.5 Mibit ("4.5 Mb") */
    assert_true(cim_hw_arch_capacity_bits(&a) == 4.5 * 1024 * 1024);
    assert_int_equal(a.computing_mode, CIM_HW_MODE_CORE);
    cim_hw_arch_clear(&a);
    a = load("jain2021"); /* 4 x 2 x 256 x 64 = 128 Kibit */
    assert_true(cim_hw_arch_capacity_bits(&a) == 128 * 1024);
    assert_int_equal(a.crossbar.parallel_rows, 32);
    assert_int_equal(a.computing_mode, CIM_HW_MODE_WORDLINE);
    cim_hw_arch_clear(&a);
    a = load("puma");
    assert_true(cim_hw_arch_capacity_bits(&a) == 138.0 * 2 * 128 * 128 * 2);
    assert_true(a.chip.buffer_kib == 96 && a.chip.buffer_bits_per_cycle == 384);
    cim_hw_arch_clear(&a);
    a = load("baseline");
    assert_true(cim_hw_arch_capacity_bits(&a) == 768.0 * 16 * 128 * 128 * 2);
    assert_true(a.chip.buffer_bits_per_cycle == 384 * 8);
    assert_true(a.core.buffer_bits_per_cycle == 8192 * 8);
    cim_hw_arch_clear(&a);
}

static void test_unknown_preset(void **state)
{
    (void)state;
    cim_hw_arch a;
    memset(&a, 0x5a, sizeof a);
    cim_hw_arch before = a;
    cim_err err = {0};
    assert_int_equal(cim_hw_arch_load("isac", &a, &err), CIM_E_INPUT);
    assert_non_null(strstr(err.message, "did you mean \"isaac\""));
    assert_non_null(strstr(err.message, "jia2021"));
    assert_memory_equal(&a, &before, sizeof a);
    cim_err_clear(&err);
    assert_int_equal(cim_hw_arch_load("no/such/file.json", &a, &err), CIM_E_INPUT);
    assert_string_equal(err.where, "no/such/file.json");
}

/* ---- reading and writing ---- */

static cim_status parse(const char *text, cim_hw_arch *a, cim_err *err)
{
    cim_json *doc;
    CIM_TRY(cim_json_parse(text, strlen(text), "test", &doc, err));
    cim_status s = cim_hw_arch_read(doc, cim_json_root(doc), a, err);
    cim_json_free(doc);
    return s;
}

static void round_trip(const cim_hw_arch *a, bool pretty)
{
    cim_text t;
    cim_text_init(&t);
    cim_jw w;
    cim_jw_init(&w, &t, pretty);
    cim_hw_arch_write(a, &w, NULL);
    assert_false(t.failed);
    cim_hw_arch b;
    cim_err err = {0};
    if (parse(t.s, &b, &err) != CIM_OK)
        fail_msg("%s: %s", err.where, err.message);
    assert_same(a, &b);
    cim_hw_arch_clear(&b);
    cim_text_clear(&t);
}

static const char minimal[] =
    "{\"name\": \"m\", \"computing_mode\": \"core\", \"technology_nm\": 28, \"clock_mhz\": 500,"
    " \"chip\": {\"cores\": 3, \"noc_cost\": [[0, 1, 2.5], [1, 0, 1e-3], [2, 1, 0]]},"
    " \"core\": {\"crossbars\": 2}, \"crossbar\": {\"rows\": 64, \"cols\": 32},"
    " \"device\": {\"type\": \"sram\"}}";

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof preset_names / sizeof *preset_names; i++) {
        cim_hw_arch a = load(preset_names[i]);
        round_trip(&a, true);
        round_trip(&a, false);
        cim_hw_arch_clear(&a);
    }
    cim_hw_arch a;
    assert_int_equal(parse(minimal, &a, NULL), CIM_OK);
    round_trip(&a, false);
    cim_hw_arch_clear(&a);
}

static void test_defaults(void **state)
{
    (void)state;
    cim_hw_arch a;
    assert_int_equal(parse(minimal, &a, NULL), CIM_OK);
    assert_int_equal(a.crossbar.parallel_rows, 64); /* all rows */
    assert_int_equal(a.crossbar.adcs, 1);
    assert_int_equal(a.crossbar.adc_bits, 8);
    assert_int_equal(a.crossbar.dac_bits, 1);
    assert_int_equal(a.workload.weight_bits, 8);
    assert_int_equal(a.workload.batch, 1);
    assert_int_equal(a.schedule.level, CIM_HW_LEVEL_CG);
    assert_int_equal(a.schedule.objective, CIM_HW_OBJECTIVE_LATENCY);
    assert_int_equal(a.schedule.pipeline, 1);
    assert_int_equal(a.schedule.duplication, CIM_HW_DUPLICATION_EXACT);
    assert_int_equal(a.schedule.max_copies, 0);
    assert_int_equal(a.schedule.segmentation, CIM_HW_SEGMENTATION_OPTIMAL);
    assert_int_equal(a.schedule.binding, CIM_HW_BINDING_COLUMNS);
    assert_int_equal(a.crossbar.signed_weights, CIM_HW_SIGNED_OFFSET);
    assert_int_equal(a.schedule.tiling, CIM_HW_TILING_ROWS);
    assert_int_equal(a.schedule.packing, 1);
    assert_int_equal(a.schedule.dynamic, CIM_HW_DYNAMIC_ALU);
    assert_int_equal(a.schedule.stagger, 1);
    assert_int_equal(a.schedule.remap, 1);
    assert_int_equal(a.schedule.write_overlap, 0);
    assert_int_equal(a.schedule.effort, 1);
    assert_int_equal(a.schedule.placement, CIM_HW_PLACEMENT_ROW_MAJOR);
    assert_true(isnan(a.schedule.peak_power_cap_w));
    assert_true(isnan(a.chip.noc_bits_per_cycle));
    assert_int_equal(a.noc_cost_n, 3);
    assert_true(a.noc_cost[2] == 2.5 && a.noc_cost[3] == 1);
    cim_hw_arch_clear(&a);
}

/* ---- --set ---- */

static void test_set(void **state)
{
    (void)state;
    cim_hw_arch a = load("isaac");
    static const char *const good[] = {"schedule.level=mvm",
                                       "schedule.pipeline=false",
                                       "chip.noc_bits_per_cycle=null",
                                       "crossbar.rows=256",
                                       "supply_v=0.9",
                                       "clock_mhz=1e3",
                                       "device.type=\"pcm\"",
                                       "chip.noc=torus",
                                       "schedule.stagger=false",
                                       "crossbar.adc_bits=6.0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cim_err err = {0};
        if (cim_hw_arch_set(&a, good[i], &err) != CIM_OK)
            fail_msg("%s: %s: %s", good[i], err.where, err.message);
    }
    assert_int_equal(a.schedule.level, CIM_HW_LEVEL_MVM);
    assert_int_equal(a.schedule.pipeline, 0);
    assert_true(isnan(a.chip.noc_bits_per_cycle));
    assert_int_equal(a.crossbar.rows, 256);
    assert_true(a.supply_v == 0.9 && a.clock_mhz == 1000);
    assert_int_equal(a.device.type, CIM_HW_DEVICE_PCM);
    assert_int_equal(a.crossbar.adc_bits, 6);
    /* The preset's source does not speak for the user's value. */
    cim_text t;
    cim_text_init(&t);
    cim_jw w;
    cim_jw_init(&w, &t, false);
    cim_hw_arch_write(&a, &w, NULL);
    assert_non_null(strstr(t.s, "\"crossbar.rows\":\"set by the user\""));
    assert_non_null(strstr(t.s, "\"crossbar.cols\":\"Shafiee"));
    cim_text_clear(&t);
    cim_hw_arch_clear(&a);
}

static void test_set_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *set, *where, *message;
    } bad[] = {
        {"crossbar.row=64", "--set",
         "unknown path \"crossbar.row\"; did you mean \"crossbar.rows\"?"},
        {"crossbar.rows", "--set", "PATH=VALUE is needed"},
        {"=3", "--set", "PATH=VALUE is needed"},
        {"", "--set", "PATH=VALUE is needed"},
        {"crossbar.rows=abc", "--set crossbar.rows",
         "found the string \"abc\", an integer is needed"},
        {"crossbar.rows=1.5", "--set crossbar.rows", "allowed is an integer from 1 to 8192"},
        {"crossbar.rows=0", "--set crossbar.rows", "allowed is an integer from 1 to 8192"},
        {"crossbar.rows=", "--set crossbar.rows", "a value is needed"},
        {"crossbar.rows=64 64", "--set crossbar.rows", "nothing may follow"},
        {"crossbar.rows=[64]", "--set crossbar.rows", "found an array"},
        {"crossbar.rows=null", "--set crossbar.rows", "found null, an integer is needed"},
        {"schedule.level=xyz", "--set schedule.level", "allowed is one of: none, cg, mvm, vvm"},
        {"schedule.stagger=1", "--set schedule.stagger", "true or false is needed"},
        {"schedule.remap=vvm", "--set schedule.remap", "true or false is needed"},
        {"schedule.effort=0", "--set schedule.effort", "allowed is an integer from 1 to 1000"},
        {"schedule.placement=spiral", "--set schedule.placement",
         "allowed is one of: row_major, snake, hilbert, optimised"},
        {"schedule.peak_power_cap_w=0", "--set schedule.peak_power_cap_w",
         "found 0, allowed is 1e-09 to 1000000"},
        {"schedule.pipeline=1", "--set schedule.pipeline", "true or false is needed"},
        {"supply_v=-1", "--set supply_v", "allowed is 0.1 to 5"},
        {"supply_v=1e999", "--set supply_v", "out of range"},
        {"supply_v=nan", "--set supply_v", "found the string \"nan\", a number is needed"},
    };
    cim_hw_arch a = load("isaac"), before = a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cim_err err = {0};
        assert_int_equal(cim_hw_arch_set(&a, bad[i].set, &err), CIM_E_INPUT);
        if (strcmp(err.where, bad[i].where) != 0 || !strstr(err.message, bad[i].message))
            fail_msg("--set %s gave %s: %s", bad[i].set, err.where, err.message);
        assert_memory_equal(&a, &before, sizeof a);
    }
    cim_hw_arch_clear(&a);
}

/* ---- consistency ---- */

static void expect_reason(const char *base, const char *const *sets, const char *part)
{
    cim_hw_arch a = load(base);
    for (; *sets; sets++) {
        cim_err err = {0};
        if (cim_hw_arch_set(&a, *sets, &err) != CIM_OK)
            fail_msg("%s: %s", *sets, err.message);
    }
    char reason[256] = "";
    assert_false(cim_hw_arch_consistent(&a, reason, sizeof reason));
    if (!strstr(reason, part))
        fail_msg("reason is \"%s\", expected \"%s\"", reason, part);
    cim_hw_arch_clear(&a);
}

static void test_consistency(void **state)
{
    (void)state;
    expect_reason("isaac", (const char *const[]){"crossbar.rows=64", NULL},
                  "crossbar.parallel_rows is 128, crossbar.rows only 64");
    expect_reason("isaac", (const char *const[]){"crossbar.adcs=129", NULL},
                  "crossbar.cols only 128");
    expect_reason("isaac", (const char *const[]){"device.type=sram", NULL},
                  "a sram cell holds 1 bit");
    expect_reason("isaac", (const char *const[]){"device.type=stt_mram", NULL}, "holds 1 bit");
    expect_reason("isaac", (const char *const[]){"crossbar.adcs=0", NULL}, "digital CIM");
    expect_reason("isaac",
                  (const char *const[]){"crossbar.signed_weights=differential",
                                        "workload.weight_bits=1", NULL},
                  "the sign takes one bit");
    expect_reason("jia2021", (const char *const[]){"schedule.level=mvm", NULL},
                  "computing_mode core offers cg at most");
    cim_hw_arch a;
    assert_int_equal(parse(minimal, &a, NULL), CIM_OK);
    assert_int_equal(cim_hw_arch_set(&a, "chip.cores=4", NULL), CIM_OK);
    char reason[256];
    assert_false(cim_hw_arch_consistent(&a, reason, sizeof reason));
    assert_string_equal(reason, "noc_cost is a matrix for 3 cores, chip.cores is 4");
    cim_hw_arch_clear(&a);
}

/* ---- one mistake per file ---- */

static void test_invalid_files(void **state)
{
    (void)state;
    char *table;
    size_t size, n = 0;
    assert_int_equal(
        cim_file_read(CIM_TEST_DATA "/invalid/arch/expected.tsv", 1 << 20, &table, &size, NULL),
        CIM_OK);
    char *save = NULL;
    for (char *line = strtok_r(table, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
        char *pointer = strchr(line, '\t'), *message = pointer ? strchr(pointer + 1, '\t') : NULL;
        assert_non_null(message);
        *pointer++ = *message++ = '\0';
        char path[512], place[1024];
        snprintf(path, sizeof path, "%s/invalid/arch/%s", CIM_TEST_DATA, line);
        cim_hw_arch a;
        cim_err err = {0};
        cim_status s = cim_hw_arch_load(path, &a, &err);
        if (s == CIM_OK)
            fail_msg("%s was accepted", line);
        assert_int_equal(s, CIM_E_INPUT);
        snprintf(place, sizeof place, "%s%s%s", path, *pointer ? ":" : "", pointer);
        if (strncmp(err.where, place, sizeof err.where - 1) || !strstr(err.message, message))
            fail_msg("%s\n  gave:     %s: %s\n  expected: %s: %s", line, err.where, err.message,
                     pointer, message);
    }
    assert_true(n >= 40);
    cim_free(table);
}

/* ---- out of memory ---- */

static void test_allocation_failure(void **state)
{
    (void)state;
    /* Every allocation of a load fails once: a clean error, nothing leaked (the sanitizer build
     * checks), the output untouched. */
    for (unsigned long k = 1; k < 2000; k++) {
        cim_hw_arch a;
        memset(&a, 0, sizeof a);
        cim_err err = {0};
        cim_alloc_fail_after(k);
        cim_status s = cim_hw_arch_load("isaac", &a, &err);
        cim_alloc_fail_after(0);
        if (s == CIM_OK) {
            cim_hw_arch_clear(&a);
            assert_true(k > 20);
            return;
        }
        assert_int_equal(s, CIM_E_NOMEM);
        assert_null(a.sources);
    }
    fail_msg("loading never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields_complete),
                                       cmocka_unit_test(test_fields_disjoint),
                                       cmocka_unit_test(test_fields_documented),
                                       cmocka_unit_test(test_field_text),
                                       cmocka_unit_test(test_presets_load),
                                       cmocka_unit_test(test_presets_sources),
                                       cmocka_unit_test(test_preset_numbers),
                                       cmocka_unit_test(test_unknown_preset),
                                       cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_defaults),
                                       cmocka_unit_test(test_set),
                                       cmocka_unit_test(test_set_refuses),
                                       cmocka_unit_test(test_consistency),
                                       cmocka_unit_test(test_invalid_files),
                                       cmocka_unit_test(test_allocation_failure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
