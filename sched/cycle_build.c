/* From a segment of the flow to what the cycle simulator runs: every copy's statements are walked once,
 * for its first product, which says what each of its cores loads, reads, adds and stores; other products
 * do the same. What products wait for is evaluated from the flow as they come. */
#include "sched/cycle_internal.h"

#include <math.h>
#include <string.h>

typedef struct builder {
    cim_cc_cycle_source *source;
    const cim_cc_program *flow;
    const cim_cc_flow_op *block;
    cim_cc_cycle_segment *out;
    cim_cc_cycle_node *node;
    cim_cc_cycle_lane *lane;
    int64_t frame[CIM_CC_FLOW_MAX_VARS];
    bool nomem;
} builder;

static cim_status shape_error(const builder *b, cim_err *err)
{
    const cim_cc_op *op = &b->source->plan->graph->ops[b->block->op];
    return cim_err_set(err, CIM_E_INPUT, op->name,
                       "line %u: cycle simulation needs a block of the form parallel for copies "
                       "{ for products, every copies-th { waits; ... } }, or for steps { waits; "
                       "... }",
                       b->block->line);
}

/* ---- one product --------------------------------------------------------------------------------- */

static cim_cc_cycle_part *part_of(builder *b, int64_t core)
{
    cim_cc_cycle_source *s = b->source;
    for (size_t i = b->lane->first_part; i < s->n_parts; i++)
        if (s->parts[i].core == core)
            return &s->parts[i];
    if (core < 0 || core >= b->flow->chip.cores ||
        cim_grow(&s->parts, &s->cap_parts, s->n_parts + 1, sizeof *s->parts)) {
        b->nomem = true;
        return NULL;
    }
    cim_cc_cycle_part *p = &s->parts[s->n_parts++];
    *p = (cim_cc_cycle_part){.core = (uint32_t)core, .count = 1};
    b->lane->n_parts++;
    return p;
}

static int64_t value(const builder *b, const cim_cc_item *item, uint32_t slot)
{
    return cim_cc_arg_value(b->flow, item, slot, b->frame);
}

static double real(const builder *b, const cim_cc_item *item, uint32_t slot)
{
    return b->flow->args[item->args + slot].real;
}

/* Row groups that a crossbar reads one after another for one product. */
static void read_groups(builder *b, int64_t groups)
{
    if (groups > b->node->row_groups)
        b->node->row_groups = groups;
}

static void read_tile(builder *b, int64_t u)
{
    int64_t parallel = b->flow->chip.parallel_rows;
    if (u < 0 || u >= cim_cc_tiling_tiles(&b->block->tiling))
        return;
    cim_cc_tile t = cim_cc_tiling_at(&b->block->tiling, u);
    read_groups(b, cim_cc_ceil_div(t.groups * t.rows, parallel));
}

/* Rows of a crossbar are read in order, but those of others may be read in between. */
static void read_row(builder *b, int64_t unit, int64_t row)
{
    cim_cc_cycle_part *p = part_of(b, unit / b->flow->chip.crossbars);
    if (p && row == 0)
        p->tiles++;
    read_groups(b, row / b->flow->chip.parallel_rows + 1);
}

static void statement(builder *b, const cim_cc_item *item)
{
    cim_cc_cycle_part *p = NULL;
    switch ((cim_cc_mop)item->mop) {
    case CIM_CC_MOP_LOAD:
        p = part_of(b, value(b, item, CIM_CC_LOAD_CORE));
        if (p)
            p->in += real(b, item, CIM_CC_LOAD_MOVED);
        break;
    case CIM_CC_MOP_READ_CORE:
        p = part_of(b, value(b, item, CIM_CC_READ_UNIT));
        for (int64_t k = 0; p && k < value(b, item, CIM_CC_READ_TILES); k++) {
            p->tiles++;
            read_tile(b, value(b, item, CIM_CC_READ_TILE) + k);
        }
        break;
    case CIM_CC_MOP_READ_XB:
        p = part_of(b, value(b, item, CIM_CC_READ_UNIT) / b->flow->chip.crossbars);
        if (p)
            p->tiles++;
        read_tile(b, value(b, item, CIM_CC_READ_TILE));
        break;
    case CIM_CC_MOP_READ_ROW:
        read_row(b, value(b, item, CIM_CC_READ_UNIT), value(b, item, CIM_CC_READ_FIRST));
        break;
    case CIM_CC_MOP_ACCUMULATE:
        p = part_of(b, value(b, item, CIM_CC_ACCUMULATE_CORE));
        if (p)
            p->adds += real(b, item, CIM_CC_ACCUMULATE_ADDS);
        break;
    case CIM_CC_MOP_STORE:
        p = part_of(b, value(b, item, CIM_CC_STORE_CORE));
        if (p)
            p->out += real(b, item, CIM_CC_STORE_MOVED);
        break;
    default: /* waits are evaluated when they are due; digital steps have one statement */
        break;
    }
}

static void walk(builder *b, uint32_t at)
{
    for (; at != CIM_CC_NO_ITEM; at = b->flow->items[at].next) {
        const cim_cc_item *item = &b->flow->items[at];
        switch ((cim_cc_item_kind)item->kind) {
        case CIM_CC_ITEM_SEQUENCE:
        case CIM_CC_ITEM_PARALLEL:
            walk(b, item->child);
            break;
        case CIM_CC_ITEM_FOR:
        case CIM_CC_ITEM_PARALLEL_FOR: {
            int64_t to = value(b, item, CIM_CC_FOR_TO), step = value(b, item, CIM_CC_FOR_STEP);
            for (int64_t v = value(b, item, CIM_CC_FOR_FROM); v < to && step > 0; v += step) {
                b->frame[item->var] = v;
                walk(b, item->child);
            }
            break;
        }
        case CIM_CC_ITEM_LET:
            b->frame[item->var] = value(b, item, 0);
            break;
        case CIM_CC_ITEM_STATEMENT:
            statement(b, item);
            break;
        }
    }
}

/* ---- copies ----------------------------------------------------------------------------------------- */

static bool alike(const cim_cc_cycle_part *a, const cim_cc_cycle_part *b)
{
    return a->core + a->count == b->core && a->tiles == b->tiles && a->in == b->in &&
           a->out == b->out && a->adds == b->adds;
}

/* Neighbouring cores that have the same to do and that no other copy can use are followed as one. */
static void merge_parts(builder *b)
{
    cim_cc_cycle_part *parts = b->source->parts + b->lane->first_part;
    int64_t whole = b->flow->chip.crossbars;
    bool cores = b->source->plan->units_are_cores;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->lane->n_parts; i++) {
        cim_cc_cycle_part *last = kept ? &parts[kept - 1] : NULL;
        if (last && alike(last, &parts[i]) && (cores || parts[i].tiles == whole))
            last->count++;
        else
            parts[kept++] = parts[i];
    }
    b->lane->n_parts = kept;
    b->source->n_parts = b->lane->first_part + kept;
}

static void add_copy(builder *b, const cim_cc_item *loop, int64_t copy)
{
    cim_cc_cycle_node *n = b->node;
    b->lane = &b->out->lanes[b->out->n_lanes++];
    b->lane->first_part = (uint32_t)b->source->n_parts;
    b->frame[loop->var] = copy; /* its first product has the copy's number */
    walk(b, loop->child);
    if (b->nomem)
        return;
    merge_parts(b);
    double in = 0.0, out = 0.0, adds = 0.0, tiles = 0.0;
    cim_cc_cycle_part *parts = b->source->parts + b->lane->first_part;
    for (uint32_t i = 0; i < b->lane->n_parts; i++) {
        in += parts[i].in * parts[i].count;
        out += parts[i].out * parts[i].count;
        adds += parts[i].adds * parts[i].count;
        tiles += (double)(parts[i].tiles * parts[i].count);
    }
    if (copy == 0) {
        n->moved_in = in;
        n->moved_out = out;
        n->adds = adds;
    }
    /* Statements say what the first copy's move; one that lies on more cores moves as much in all. A core
     * brings in, adds and gives out in proportion to the tiles it holds. */
    for (uint32_t i = 0; i < b->lane->n_parts; i++) {
        double part = (double)parts[i].tiles / tiles;
        parts[i].in = n->moved_in * part;
        parts[i].out = n->moved_out * part;
        parts[i].adds = n->adds * part;
    }
}

/* Which lanes share a core with others. */
static void find_shared(cim_cc_cycle_segment *s)
{
    cim_cc_cycle_source *source = s->source;
    for (size_t k = 0; k < source->n_parts; k++)
        source->owner[source->parts[k].core] = UINT32_MAX;
    for (uint32_t i = 0; i < s->n_lanes; i++)
        for (uint32_t k = 0; k < s->lanes[i].n_parts; k++) {
            uint32_t *owner = &source->owner[source->parts[s->lanes[i].first_part + k].core];
            if (*owner != UINT32_MAX && *owner != i)
                s->lanes[*owner].shared = s->lanes[i].shared = true;
            *owner = i;
        }
}

/* ---- blocks ----------------------------------------------------------------------------------------- */

static const cim_cc_item *item_at(const builder *b, uint32_t i, cim_cc_item_kind kind)
{
    const cim_cc_item *item = i == CIM_CC_NO_ITEM ? NULL : &b->flow->items[i];
    return item && item->kind == (uint8_t)kind ? item : NULL;
}

static bool loop_is(const builder *b, const cim_cc_item *loop, int64_t from, int64_t to,
                    int64_t step)
{
    return value(b, loop, CIM_CC_FOR_FROM) == from && value(b, loop, CIM_CC_FOR_TO) == to &&
           value(b, loop, CIM_CC_FOR_STEP) == step;
}

/* The block's loop over copies, its last item; before it, an operand may be waited for and written. */
static uint32_t copies_loop(const builder *b)
{
    uint32_t at = b->flow->items[b->block->body].child, last = CIM_CC_NO_ITEM;
    for (; at != CIM_CC_NO_ITEM; at = b->flow->items[at].next)
        last = at;
    return item_at(b, last, CIM_CC_ITEM_PARALLEL_FOR) ? last : CIM_CC_NO_ITEM;
}

static cim_status build_crossbar(builder *b, cim_err *err)
{
    const cim_cc_flow_op *o = b->block;
    cim_cc_cycle_node *n = b->node;
    n->head = b->flow->items[o->body].child;
    n->outer = copies_loop(b);
    const cim_cc_item *copies = item_at(b, n->outer, CIM_CC_ITEM_PARALLEL_FOR);
    const cim_cc_item *loop = copies ? item_at(b, copies->child, CIM_CC_ITEM_FOR) : NULL;
    if (!loop || !loop_is(b, copies, 0, o->copies, 1))
        return shape_error(b, err);
    n->products = o->products;
    n->parts = 1;
    n->copies = o->copies;
    n->crossbars = o->tiles;
    n->loop = copies->child;
    n->copy_var = copies->var;
    for (int64_t c = 0; c < o->copies; c++) {
        b->frame[copies->var] = c;
        if (!loop_is(b, loop, c, o->products, o->copies))
            return shape_error(b, err);
        add_copy(b, loop, c);
        if (b->nomem)
            return cim_err_set(err, CIM_E_NOMEM, n->name, "out of memory");
    }
    return CIM_OK;
}

/* Parts in which rows come to an operator that works on them element by element, staggered: as many as
 * its inputs have products a row. */
static int64_t parts_of_step(const builder *b, int64_t steps)
{
    const cim_cc_graph *g = b->source->plan->graph;
    const cim_cc_op *op = &g->ops[b->node->op];
    int64_t parts = 1;
    if (!b->flow->chip.stagger || steps != b->node->rows || op->images > 1)
        return 1;
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        const cim_cc_edge *e = &g->edges[k];
        if (!cim_cc_edge_follows(e))
            return 1;
        if (e->cols == 0)
            continue;
        uint32_t from =
            e->producer == CIM_CC_INVALID ? UINT32_MAX : b->source->node_of[e->producer];
        if (from == UINT32_MAX || from >= b->out->n_nodes)
            continue;
        const cim_cc_cycle_node *by = &b->out->nodes[from];
        if (by->products / by->rows > parts)
            parts = by->products / by->rows;
    }
    return parts;
}

static cim_status build_digital(builder *b, cim_err *err)
{
    cim_cc_cycle_node *n = b->node;
    const cim_cc_prepared *pre = b->source->plan->prepared;
    const cim_cc_item *body = &b->flow->items[b->block->body];
    const cim_cc_item *loop = item_at(b, body->child, CIM_CC_ITEM_FOR);
    if (!loop || !loop_is(b, loop, 0, value(b, loop, CIM_CC_FOR_TO), 1) ||
        value(b, loop, CIM_CC_FOR_TO) < 1)
        return shape_error(b, err);
    n->parts = parts_of_step(b, value(b, loop, CIM_CC_FOR_TO));
    n->products = value(b, loop, CIM_CC_FOR_TO) * n->parts;
    n->copies = 1;
    n->head = n->outer = n->loop = body->child;
    n->copy_var = UINT16_MAX;
    b->out->n_lanes++;
    double moved = 0.0, in = pre->traffic_in[n->op], out = pre->traffic_out[n->op];
    for (uint32_t i = loop->child; i != CIM_CC_NO_ITEM; i = b->flow->items[i].next) {
        const cim_cc_item *item = &b->flow->items[i];
        if (item->kind == CIM_CC_ITEM_STATEMENT && item->mop == CIM_CC_MOP_DIGITAL)
            moved += real(b, item, CIM_CC_DIGITAL_MOVED) / (double)n->parts;
    }
    n->moved_in = in + out > 0.0 ? moved * in / (in + out) : 0.0;
    n->moved_out = moved - n->moved_in;
    return CIM_OK;
}

/* ---- waits ------------------------------------------------------------------------------------------ */

int64_t cim_cc_cycle_row(const cim_cc_cycle_node *n, int64_t p)
{
    return cim_cc_ceil_div((p + 1) * n->rows, n->products) - 1;
}

/* Products of a producer's inference for a number of its rows, of the last of which only a part. */
static int64_t products_of(const cim_cc_cycle_node *from, int64_t rows, int64_t part, int64_t parts)
{
    if (parts < 1 || part < 1 || part > parts)
        part = parts = 1;
    if (from->together && rows > 0)
        return from->products;
    rows = rows < 1 ? 0 : rows > from->rows ? from->rows : rows;
    return rows == 0
               ? 0
               : cim_cc_ceil_div(((rows - 1) * parts + part) * from->products, from->rows * parts);
}

/* The item after one at the head of a block: into the loops, when it is the one that has them. */
static uint32_t step(const cim_cc_program *flow, const cim_cc_cycle_node *n, uint32_t item)
{
    return item == n->outer ? flow->items[n->loop].child : flow->items[item].next;
}

bool cim_cc_cycle_wait_next(const cim_cc_cycle_segment *s, const cim_cc_cycle_node *n, int64_t p,
                            int64_t *frame, uint32_t *item, uint32_t *producer, cim_cc_op_id *op,
                            int64_t *need)
{
    const cim_cc_program *flow = s->source->flow;
    int64_t in = p % n->products;
    if (*item == 0) {
        if (n->copy_var != UINT16_MAX)
            frame[n->copy_var] = in % n->copies;
        frame[flow->items[n->loop].var] = in / n->parts;
        *item = n->head;
    }
    while (*item != CIM_CC_NO_ITEM) {
        const cim_cc_item *it = &flow->items[*item];
        *item = step(flow, n, *item);
        if (it->kind == CIM_CC_ITEM_LET)
            frame[it->var] = cim_cc_arg_value(flow, it, 0, frame);
        if (it->kind != CIM_CC_ITEM_STATEMENT || it->mop != CIM_CC_MOP_WAIT)
            continue;
        uint32_t tensor = flow->args[it->args + CIM_CC_WAIT_TENSOR].id;
        if (tensor >= flow->n_ops) /* the network's inputs are there */
            continue;
        *op = tensor;
        *producer = s->source->node_of[tensor];
        *need = 0;
        if (*producer == UINT32_MAX)
            return true;
        const cim_cc_cycle_node *from = &s->nodes[*producer];
        int64_t part = cim_cc_arg_value(flow, it, CIM_CC_WAIT_PART, frame);
        int64_t parts = cim_cc_arg_value(flow, it, CIM_CC_WAIT_PARTS, frame);
        if (n->parts >
            1) { /* the flow waits for the step's row; its parts are worked on as they come */
            part = in % n->parts + 1;
            parts = n->parts;
        }
        *need = p / n->products * from->products +
                products_of(from, cim_cc_arg_value(flow, it, CIM_CC_WAIT_ROWS, frame), part, parts);
        return true;
    }
    return false;
}

int64_t cim_cc_cycle_edge_need(const cim_cc_cycle_segment *s, const cim_cc_cycle_node *n,
                               const cim_cc_cycle_node *from, const cim_cc_edge *e, int64_t p)
{
    const cim_cc_graph *g = s->source->plan->graph;
    const cim_cc_op *to = &g->ops[n->op], *by = &g->ops[from->op];
    int64_t in = p % n->products, r = cim_cc_cycle_row(n, in), rows = n->rows;
    int64_t before = p / n->products * from->products;
    if (n->together)
        return before + from->products;
    if (to->images > 1 || by->images > 1) { /* followed by images */
        if (e->full && (to->images <= 1 || by->images <= 1))
            return before + from->products;
        if (to->images == by->images)
            rows = (r / to->rows + 1) * by->rows;
        else
            rows = cim_cc_ceil_div((r + 1) * from->rows, n->rows);
        return before + products_of(from, rows, 1, 1);
    }
    rows = e->full ? by->rows : cim_cc_edge_row(e, r + 1, by->rows);
    if (!s->source->flow->chip.stagger || e->full || e->cols < 2)
        return before + products_of(from, rows, 1, 1);
    if (n->parts > 1)
        return before + products_of(from, rows, in % n->parts + 1, n->parts);
    if (to->unit != CIM_CC_UNIT_CROSSBAR || n->products != to->rows * to->cols)
        return before + products_of(from, rows, 1, 1);
    return before + products_of(from, rows, cim_cc_edge_col(e, in % to->cols + 1), e->cols);
}

/* Who is told when a node gets on: who waits for its rows, and, where few rows are kept, who waits for
 * it to be done with them. */
typedef struct links {
    cim_cc_cycle_segment *s;
    uint32_t total;
    bool fill; /* else they are counted */
} links;

static void link(links *x, uint32_t from, uint32_t to)
{
    cim_cc_cycle_node *n = &x->s->nodes[from];
    for (uint32_t k = 0; x->fill && k < n->n_readers; k++)
        if (x->s->readers[n->first_reader + k] == to)
            return;
    if (x->fill)
        x->s->readers[n->first_reader + n->n_readers] = to;
    n->n_readers++;
    x->total++;
}

static void link_node(links *x, uint32_t i)
{
    const cim_cc_cycle_source *source = x->s->source;
    const cim_cc_program *flow = source->flow;
    const cim_cc_op *op = &source->plan->graph->ops[x->s->nodes[i].op];
    for (uint32_t at = x->s->nodes[i].head; at != CIM_CC_NO_ITEM;
         at = step(flow, &x->s->nodes[i], at)) {
        const cim_cc_item *it = &flow->items[at];
        if (it->kind != CIM_CC_ITEM_STATEMENT || it->mop != CIM_CC_MOP_WAIT)
            continue;
        uint32_t tensor = flow->args[it->args + CIM_CC_WAIT_TENSOR].id;
        if (tensor < flow->n_ops && source->node_of[tensor] != UINT32_MAX)
            link(x, source->node_of[tensor], i);
    }
    for (uint32_t k = op->first_edge; k < op->first_edge + op->n_edges; k++) {
        cim_cc_op_id id = source->plan->graph->edges[k].producer;
        if (id == CIM_CC_INVALID || source->node_of[id] == UINT32_MAX ||
            flow->tensors[id].window >= flow->tensors[id].rows)
            continue;
        link(x, source->node_of[id], i);
        link(x, i, source->node_of[id]);
    }
}

static bool link_nodes(cim_cc_cycle_segment *s, cim_arena *ar)
{
    links x = {.s = s};
    for (uint32_t i = 0; i < s->n_nodes; i++)
        link_node(&x, i);
    s->readers = cim_arena_take(ar, (size_t)x.total + 1, sizeof *s->readers);
    if (!s->readers)
        return false;
    for (uint32_t i = 0, first = 0; i < s->n_nodes; i++) {
        s->nodes[i].first_reader = first;
        first += s->nodes[i].n_readers;
        s->nodes[i].n_readers = 0;
    }
    x.fill = true;
    for (uint32_t i = 0; i < s->n_nodes; i++)
        link_node(&x, i);
    return true;
}

/* ---- segment ------------------------------------------------------------------------------------------ */

static cim_status build_node(builder *b, uint32_t i, cim_err *err)
{
    const cim_cc_graph *g = b->source->plan->graph;
    cim_cc_cycle_node *n = b->node = &b->out->nodes[i];
    n->op = b->block->op;
    n->name = g->ops[n->op].name;
    n->rows = g->ops[n->op].rows * g->ops[n->op].images;
    n->together = cim_cc_op_is_written(&g->ops[n->op]) && g->ops[n->op].together;
    n->first_lane = b->out->n_lanes;
    b->source->node_of[n->op] = i;
    if (b->block->unit == CIM_CC_UNIT_CROSSBAR)
        return build_crossbar(b, err);
    return build_digital(b, err);
}

cim_status cim_cc_cycle_build(cim_cc_cycle_source *source, uint32_t segment, int64_t inferences,
                              cim_arena *ar, cim_cc_cycle_segment *out, cim_err *err)
{
    const cim_cc_flow_segment *seg = &source->flow->segments[segment];
    builder b = {.source = source, .flow = source->flow, .out = out};
    memset(out, 0, sizeof *out);
    *out = (cim_cc_cycle_segment){.source = source,
                                  .index = segment,
                                  .pipelined = seg->pipelined,
                                  .n_nodes = seg->n,
                                  .inferences = inferences};
    size_t lanes = 0;
    for (uint32_t i = 0; i < seg->n; i++)
        lanes += (size_t)source->flow->ops[seg->first + i].copies;
    out->nodes = cim_arena_alloc(ar, seg->n, sizeof *out->nodes);
    out->lanes = cim_arena_alloc(ar, lanes, sizeof *out->lanes);
    uint32_t *scratch = cim_arena_take(ar, (size_t)seg->n + 1, sizeof *scratch);
    if (!out->nodes || !out->lanes || !scratch)
        return cim_err_set(err, CIM_E_NOMEM, "cycle", "out of memory");
    source->n_parts = 0;
    for (uint32_t i = 0; i < seg->n; i++) {
        b.block = &source->flow->ops[seg->first + i];
        CIM_TRY(build_node(&b, i, err));
        cim_cc_cycle_price(source, b.block, out, b.node);
    }
    cim_cc_cycle_price_rest(out, scratch);
    find_shared(out);
    return link_nodes(out, ar) ? CIM_OK : cim_err_set(err, CIM_E_NOMEM, "cycle", "out of memory");
}
