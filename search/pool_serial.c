/* The pool of one process: points are evaluated where they are. */
#include "search/engine.h"

#include "hwspace/base/memory.h"

typedef struct serial_pool {
    cim_search_pool base;
    cim_search_evaluator *ev; /* borrowed */
    size_t width;
} serial_pool;

static cim_status serial_evaluate(cim_search_pool *pool, double *points, size_t n,
                                  uint64_t first_id, cim_search_result *results, size_t *done,
                                  cim_err *err)
{
    serial_pool *p = (serial_pool *)pool;
    (void)err;
    for (*done = 0; *done < n && !cim_search_pool_stopped(pool); ++*done)
        cim_search_evaluate(p->ev, points + *done * p->width, first_id + *done, &results[*done]);
    return CIM_OK;
}

static cim_status serial_plan(cim_search_pool *pool, const double *point, char **json, cim_err *err)
{
    return cim_search_plan_json(((serial_pool *)pool)->ev, point, json, err);
}

static void serial_destroy(cim_search_pool *pool)
{
    cim_free(pool);
}

cim_search_pool *cim_search_pool_serial(const cim_search_spec *spec, cim_search_evaluator *ev)
{
    serial_pool *p = cim_alloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->base = (cim_search_pool){.evaluate = serial_evaluate,
                                .plan = serial_plan,
                                .destroy = serial_destroy,
                                .n_workers = 1};
    p->ev = ev;
    p->width = cim_hw_space_n_params(spec->space);
    return &p->base;
}
