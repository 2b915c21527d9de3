#include "search/pool_mpi.h"

#include "hwspace/base/memory.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Points per message at most: beyond 64 the rate gains nothing (measured: 3 to 11 M points/s).
 * Two messages in flight per worker, so that it computes on one while the other travels. */
enum { CHUNK = 64, DEPTH = 2, TAG_WORK = 1, TAG_RESULT = 2 };

enum { CONTROL_START = 1, CONTROL_LEAVE = 2 };
typedef struct control {
    uint64_t kind, bytes; /* of the spec's text */
} control;

/* A message of work: this, then n points. n = 0: the pool is gone. */
typedef struct work_header {
    uint64_t first_id, n;
} work_header;
_Static_assert(sizeof(work_header) == 16, "goes over the wire");

/* A result: this, the point with its expressions filled in, then the metrics of an ok point or
 * the reason of another, padded to 8 bytes. */
typedef struct result_header {
    uint64_t id;
    uint32_t state, reason_bytes;
    double violation;
} result_header;
_Static_assert(sizeof(result_header) == 24, "goes over the wire");

static size_t work_bytes(size_t n, size_t width)
{
    return sizeof(work_header) + n * width * sizeof(double);
}

static size_t result_bytes_max(size_t width, size_t n_metrics)
{
    size_t metrics = n_metrics * sizeof(double), reason = CIM_CC_REASON;
    return sizeof(result_header) + width * sizeof(double) + (metrics > reason ? metrics : reason);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* A waiting rank gives its core away: Open MPI itself would spin, which starves the working ranks
 * where there are more ranks than cores. */
typedef struct idle {
    unsigned rounds;
} idle;

static void idle_wait(idle *w)
{
    enum { YIELDS = 200, SHORT = 1000 };
    struct timespec t = {.tv_nsec = w->rounds < SHORT ? 20000 : 500000};
    if (w->rounds < YIELDS)
        sched_yield();
    else
        nanosleep(&t, NULL);
    if (w->rounds < SHORT)
        w->rounds++;
}

static cim_status mpi_status(int code, cim_err *err)
{
    if (code == MPI_SUCCESS)
        return CIM_OK;
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int n = 0;
    MPI_Error_string(code, text, &n);
    return cim_err_set(err, CIM_E_IO, "MPI", "%.200s", text);
}

#define TRY_MPI(call) CIM_TRY(mpi_status((call), err))

static cim_status wait_for(MPI_Request *request, cim_err *err)
{
    int done = 0;
    for (idle w = {0};; idle_wait(&w)) {
        TRY_MPI(MPI_Test(request, &done, MPI_STATUS_IGNORE));
        if (done)
            return CIM_OK;
    }
}

static cim_status broadcast(MPI_Comm comm, void *data, size_t bytes, int root, cim_err *err)
{
    MPI_Request request;
    TRY_MPI(MPI_Ibcast(data, (int)bytes, MPI_BYTE, root, comm, &request));
    return wait_for(&request, err);
}

/* A text to all ranks in pieces of a fixed buffer, so that a rank without the memory to keep it
 * still takes part (its copy is marked as failed). */
static cim_status broadcast_text(MPI_Comm comm, cim_text *text, size_t bytes, bool root,
                                 cim_err *err)
{
    static char piece[65536];
    for (size_t at = 0; at < bytes; at += sizeof piece) {
        size_t n = bytes - at < sizeof piece ? bytes - at : sizeof piece;
        if (root)
            memcpy(piece, text->s + at, n);
        CIM_TRY(broadcast(comm, piece, n, 0, err));
        if (!root)
            cim_text_add_n(text, piece, n);
    }
    return CIM_OK;
}

/* ---- agreeing --------------------------------------------------------------------------------- */

/* Collective: all ranks return the error of the lowest rank that has one, or an error when their
 * digests differ, before any of them goes on to something another rank would not join. */
static cim_status agree(MPI_Comm comm, cim_status mine, const char digest[33], cim_err *mine_err,
                        cim_err *err)
{
    int rank;
    TRY_MPI(MPI_Comm_rank(comm, &rank));
    uint64_t d = mine == CIM_OK ? strtoull(digest + 16, NULL, 16) : 0;
    uint64_t own[3] = {mine == CIM_OK ? UINT64_MAX : (uint64_t)rank, d, ~d}, all[3];
    MPI_Request request;
    TRY_MPI(MPI_Iallreduce(own, all, 3, MPI_UINT64_T, MPI_MIN, comm, &request));
    CIM_TRY(wait_for(&request, err));
    if (all[0] == UINT64_MAX)
        return all[1] == ~all[2] ? CIM_OK
                                 : cim_err_set(err, CIM_E_INPUT, "MPI",
                                               "the ranks read different network files; put them "
                                               "where every node sees the same");
    cim_err failure = *mine_err;
    if (mine != CIM_OK && failure.code == CIM_OK)
        failure.code = mine;
    CIM_TRY(broadcast(comm, &failure, sizeof failure, (int)all[0], err));
    return cim_err_set(err, failure.code, failure.where, "%s%s(rank %d)", failure.message,
                       failure.message[0] ? " " : "", (int)all[0]);
}

/* ---- packing ---------------------------------------------------------------------------------- */

static char *put(char *at, const void *data, size_t bytes)
{
    memcpy(at, data, bytes);
    return at + bytes;
}

static const char *take(const char *at, void *data, size_t bytes)
{
    memcpy(data, at, bytes);
    return at + bytes;
}

static size_t padded(size_t n)
{
    return (n + 7) / 8 * 8;
}

static char *pack_result(char *at, const cim_search_spec *spec, const double *point,
                         const cim_search_result *r)
{
    size_t width = cim_hw_space_n_params(spec->space);
    bool ok = r->state == CIM_ANA_OK;
    result_header h = {.id = r->id, .state = r->state, .violation = r->violation};
    h.reason_bytes = ok ? 0 : (uint32_t)strlen(r->reason);
    at = put(at, &h, sizeof h);
    at = put(at, point, width * sizeof *point);
    if (ok)
        return put(at, r->metrics, spec->n_metrics * sizeof *r->metrics);
    memset(at, 0, padded(h.reason_bytes));
    memcpy(at, r->reason, h.reason_bytes);
    return at + padded(h.reason_bytes);
}

static const char *unpack_result(const char *at, const cim_search_spec *spec, double *point,
                                 cim_search_result *r)
{
    size_t width = cim_hw_space_n_params(spec->space);
    result_header h;
    memset(r, 0, sizeof *r);
    at = take(at, &h, sizeof h);
    r->id = h.id;
    r->state = h.state;
    r->violation = h.violation;
    at = take(at, point, width * sizeof *point);
    if (h.state == CIM_ANA_OK)
        return take(at, r->metrics, spec->n_metrics * sizeof *r->metrics);
    for (size_t i = 0; i < CIM_ANA_MAX_COLUMNS; i++)
        r->metrics[i] = NAN;
    memcpy(r->reason, at, h.reason_bytes);
    return at + padded(h.reason_bytes);
}

/* ---- the worker ------------------------------------------------------------------------------- */

typedef struct worker {
    MPI_Comm comm;
    const cim_search_spec *spec;
    cim_search_evaluator *ev;
    size_t width, work_size;
    char *work[DEPTH], *result[DEPTH];
    MPI_Request receive[DEPTH], send[DEPTH];
} worker;

static cim_status post_receive(worker *w, int slot, cim_err *err)
{
    return mpi_status(MPI_Irecv(w->work[slot], (int)w->work_size, MPI_BYTE, 0, TAG_WORK, w->comm,
                                &w->receive[slot]),
                      err);
}

static cim_status answer(worker *w, int slot, const work_header *h, cim_err *err)
{
    double *points = (double *)(void *)(w->work[slot] + sizeof *h);
    char *at = w->result[slot];
    cim_search_result r;
    for (uint64_t i = 0; i < h->n; i++) {
        double *point = points + i * w->width;
        cim_search_evaluate(w->ev, point, h->first_id + i, &r);
        at = pack_result(at, w->spec, point, &r);
    }
    TRY_MPI(MPI_Isend(w->result[slot], (int)(at - w->result[slot]), MPI_BYTE, 0, TAG_RESULT,
                      w->comm, &w->send[slot]));
    return post_receive(w, slot, err);
}

/* Messages arrive in the order of the posted receives; the end comes once per receive. */
static cim_status serve(worker *w, cim_err *err)
{
    int ended = 0;
    for (int slot = 0; slot < DEPTH; slot++)
        CIM_TRY(post_receive(w, slot, err));
    for (int slot = 0; ended < DEPTH; slot = (slot + 1) % DEPTH) {
        work_header h;
        CIM_TRY(wait_for(&w->receive[slot], err));
        memcpy(&h, w->work[slot], sizeof h);
        CIM_TRY(wait_for(&w->send[slot], err)); /* the buffer of the answer before last */
        if (h.n == 0)
            ended++;
        else
            CIM_TRY(answer(w, slot, &h, err));
    }
    return CIM_OK;
}

static bool worker_buffers(worker *w)
{
    size_t result = CHUNK * result_bytes_max(w->width, w->spec->n_metrics);
    bool ok = true;
    for (int slot = 0; slot < DEPTH; slot++) {
        w->receive[slot] = w->send[slot] = MPI_REQUEST_NULL;
        w->work[slot] = cim_alloc(w->work_size, 1);
        w->result[slot] = cim_alloc(result, 1);
        ok = ok && w->work[slot] && w->result[slot];
    }
    return ok;
}

static void worker_clear(worker *w)
{
    for (int slot = 0; slot < DEPTH; slot++) {
        cim_free(w->work[slot]);
        cim_free(w->result[slot]);
    }
    cim_search_evaluator_destroy(w->ev);
}

/* Prepare for the broadcast spec, agree with all ranks, work. */
static cim_status join_pool(MPI_Comm comm, const cim_text *text, cim_err *err)
{
    cim_search_spec *spec = cim_alloc(1, sizeof *spec);
    worker w = {.comm = comm, .spec = spec};
    cim_err mine = {0}, common = {0};
    char digest[33] = "";
    bool parsed = false;
    cim_status status = CIM_OK;
    if (!spec || text->failed)
        status = cim_err_set(&mine, CIM_E_NOMEM, "worker", "out of memory");
    if (status == CIM_OK) {
        status = cim_search_spec_parse(text->s, text->n, "spec of rank 0", NULL, spec, &mine);
        parsed = status == CIM_OK;
    }
    if (status == CIM_OK)
        status = cim_search_spec_identity(spec, digest, &mine);
    if (status == CIM_OK)
        status = cim_search_evaluator_create(spec, &w.ev, &mine);
    if (status == CIM_OK) {
        w.width = cim_hw_space_n_params(spec->space);
        w.work_size = work_bytes(CHUNK, w.width);
        if (!worker_buffers(&w))
            status = cim_err_set(&mine, CIM_E_NOMEM, "worker", "out of memory");
    }
    bool agreed = agree(comm, status, digest, &mine, &common) == CIM_OK;
    /* A pool that could not start is rank 0's to report; broken MPI ends the worker. */
    status = agreed ? serve(&w, err) : CIM_OK;
    worker_clear(&w);
    if (parsed)
        cim_search_spec_clear(spec);
    cim_free(spec);
    return status;
}

cim_status cim_search_worker_mpi(MPI_Comm comm, cim_err *err)
{
    TRY_MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    for (;;) {
        control c = {0};
        CIM_TRY(broadcast(comm, &c, sizeof c, 0, err));
        if (c.kind != CONTROL_START)
            return CIM_OK;
        cim_text text;
        cim_text_init(&text);
        cim_status status = broadcast_text(comm, &text, (size_t)c.bytes, false, err);
        if (status == CIM_OK)
            status = join_pool(comm, &text, err);
        cim_text_clear(&text);
        CIM_TRY(status);
    }
}

void cim_search_mpi_release(MPI_Comm comm)
{
    control c = {.kind = CONTROL_LEAVE};
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    cim_status ignored = broadcast(comm, &c, sizeof c, 0, NULL);
    (void)ignored; /* when MPI is broken there is nobody left to tell */
}

/* ---- rank 0 ----------------------------------------------------------------------------------- */

typedef struct flight {
    size_t first, n; /* points of the batch; n = 0: free */
    char *work, *result;
    MPI_Request send;
} flight;

typedef struct mpi_pool {
    cim_search_pool base;
    MPI_Comm comm;
    const cim_search_spec *spec;
    cim_search_evaluator *ev;
    size_t width, n_flights, in_flight, result_size;
    int n_remote;
    flight *flights;       /* DEPTH per remote rank: flight f belongs to rank 1 + f / DEPTH */
    MPI_Request *receives; /* one per flight */
    int *completed;        /* scratch of MPI_Testsome */
    int *turn;             /* per remote rank: its slot that is used next */
    int first_rank;        /* who is offered work first: all in turn */
} mpi_pool;

typedef struct batch {
    double *points;
    size_t n, next;
    uint64_t first_id;
    cim_search_result *results;
} batch;

static cim_status dispatch(mpi_pool *p, size_t f, batch *b, size_t n, cim_err *err)
{
    flight *fl = &p->flights[f];
    int rank = 1 + (int)(f / DEPTH);
    work_header h = {.first_id = b->first_id + b->next, .n = n};
    memcpy(fl->work, &h, sizeof h);
    memcpy(fl->work + sizeof h, b->points + b->next * p->width, n * p->width * sizeof(double));
    TRY_MPI(MPI_Irecv(fl->result, (int)p->result_size, MPI_BYTE, rank, TAG_RESULT, p->comm,
                      &p->receives[f]));
    TRY_MPI(MPI_Isend(fl->work, (int)work_bytes(n, p->width), MPI_BYTE, rank, TAG_WORK, p->comm,
                      &fl->send));
    fl->first = b->next;
    fl->n = n;
    b->next += n;
    p->in_flight++;
    return CIM_OK;
}

/* Guided self-scheduling: chunks shrink towards the end so that all ranks end together. */
static size_t chunk_size(const mpi_pool *p, const batch *b)
{
    size_t left = b->n - b->next, share = left / (4 * (size_t)(p->n_remote + 1));
    size_t n = share < 1 ? 1 : share > CHUNK ? CHUNK : share;
    return n < left ? n : left;
}

static cim_status hand_out(mpi_pool *p, batch *b, cim_err *err)
{
    for (int depth = 0; depth < DEPTH; depth++) {
        for (int i = 0; i < p->n_remote && b->next < b->n; i++) {
            int remote = (p->first_rank + i) % p->n_remote;
            size_t f = (size_t)remote * DEPTH + (size_t)p->turn[remote];
            if (p->flights[f].n > 0)
                continue;
            CIM_TRY(dispatch(p, f, b, chunk_size(p, b), err));
            p->turn[remote] = (p->turn[remote] + 1) % DEPTH;
        }
    }
    if (p->n_remote > 0)
        p->first_rank = (p->first_rank + 1) % p->n_remote;
    return CIM_OK;
}

static cim_status collect(mpi_pool *p, batch *b, int *n_done, cim_err *err)
{
    *n_done = 0;
    if (p->in_flight == 0)
        return CIM_OK;
    TRY_MPI(
        MPI_Testsome((int)p->n_flights, p->receives, n_done, p->completed, MPI_STATUSES_IGNORE));
    if (*n_done == MPI_UNDEFINED)
        *n_done = 0;
    for (int i = 0; i < *n_done; i++) {
        flight *fl = &p->flights[p->completed[i]];
        const char *at = fl->result;
        for (size_t k = fl->first; b && k < fl->first + fl->n; k++)
            at = unpack_result(at, p->spec, b->points + k * p->width, &b->results[k]);
        fl->n = 0;
        p->in_flight--;
        CIM_TRY(wait_for(&fl->send, err)); /* was received, so this is immediate */
    }
    return CIM_OK;
}

/* Points are handed out in order and everything handed out is waited for, so what is done is
 * always the first `next` points. Rank 0 works too, a point at a time between looks at the mail. */
static cim_status mpi_evaluate(cim_search_pool *pool, double *points, size_t n, uint64_t first_id,
                               cim_search_result *results, size_t *done, cim_err *err)
{
    mpi_pool *p = (mpi_pool *)pool;
    batch b = {.points = points, .n = n, .first_id = first_id, .results = results};
    *done = 0;
    for (idle w = {0};;) {
        int arrived;
        CIM_TRY(collect(p, &b, &arrived, err));
        bool stopped = cim_search_pool_stopped(pool);
        if (!stopped)
            CIM_TRY(hand_out(p, &b, err));
        if (!stopped && arrived == 0 && b.next < n) {
            cim_search_evaluate(p->ev, points + b.next * p->width, first_id + b.next,
                                &results[b.next]);
            b.next++;
            w.rounds = 0;
        } else if (p->in_flight > 0 && arrived == 0) {
            idle_wait(&w);
        } else if (p->in_flight == 0 && (stopped || b.next >= n)) {
            break;
        }
    }
    *done = b.next;
    return CIM_OK;
}

static cim_status mpi_plan(cim_search_pool *pool, const double *point, char **json, cim_err *err)
{
    return cim_search_plan_json(((mpi_pool *)pool)->ev, point, json, err);
}

static void pool_free(mpi_pool *p)
{
    for (size_t f = 0; p->flights && f < p->n_flights; f++) {
        cim_free(p->flights[f].work);
        cim_free(p->flights[f].result);
    }
    cim_free(p->flights);
    cim_free(p->receives);
    cim_free(p->completed);
    cim_free(p->turn);
    cim_free(p);
}

/* Take what is still under way, then send every worker one end per posted receive. */
static cim_status dismiss(mpi_pool *p, cim_err *err)
{
    int arrived;
    for (idle w = {0}; p->in_flight > 0; idle_wait(&w))
        CIM_TRY(collect(p, NULL, &arrived, err));
    work_header end = {0};
    for (size_t f = 0; f < p->n_flights; f++) {
        memcpy(p->flights[f].work, &end, sizeof end);
        TRY_MPI(MPI_Isend(p->flights[f].work, (int)sizeof end, MPI_BYTE, 1 + (int)(f / DEPTH),
                          TAG_WORK, p->comm, &p->flights[f].send));
    }
    for (size_t f = 0; f < p->n_flights; f++)
        CIM_TRY(wait_for(&p->flights[f].send, err));
    return CIM_OK;
}

static void mpi_destroy(cim_search_pool *pool)
{
    mpi_pool *p = (mpi_pool *)pool;
    cim_status ignored = dismiss(p, NULL);
    (void)ignored; /* when MPI is broken there is nobody left to tell */
    pool_free(p);
}

static mpi_pool *pool_alloc(MPI_Comm comm, const cim_search_spec *spec, cim_search_evaluator *ev,
                            int n_remote)
{
    mpi_pool *p = cim_alloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->base = (cim_search_pool){.evaluate = mpi_evaluate,
                                .plan = mpi_plan,
                                .destroy = mpi_destroy,
                                .n_workers = n_remote + 1};
    p->comm = comm;
    p->spec = spec;
    p->ev = ev;
    p->n_remote = n_remote;
    p->width = cim_hw_space_n_params(spec->space);
    p->n_flights = (size_t)n_remote * DEPTH;
    p->result_size = CHUNK * result_bytes_max(p->width, spec->n_metrics);
    p->flights = cim_alloc(p->n_flights, sizeof *p->flights);
    p->receives = cim_alloc(p->n_flights, sizeof *p->receives);
    p->completed = cim_alloc(p->n_flights, sizeof *p->completed);
    p->turn = cim_alloc((size_t)n_remote, sizeof *p->turn);
    bool ok = p->flights && p->receives && p->completed && p->turn;
    for (size_t f = 0; ok && f < p->n_flights; f++) {
        p->receives[f] = p->flights[f].send = MPI_REQUEST_NULL;
        p->flights[f].work = cim_alloc(work_bytes(CHUNK, p->width), 1);
        p->flights[f].result = cim_alloc(p->result_size, 1);
        ok = p->flights[f].work && p->flights[f].result;
    }
    if (ok)
        return p;
    pool_free(p);
    return NULL;
}

/* Broadcast the spec; from here on every rank takes part until agree() returns. */
static cim_status announce(MPI_Comm comm, cim_text *text, cim_err *err)
{
    control c = {.kind = CONTROL_START, .bytes = text->n};
    CIM_TRY(broadcast(comm, &c, sizeof c, 0, err));
    return broadcast_text(comm, text, text->n, true, err);
}

cim_status cim_search_pool_mpi(MPI_Comm comm, const cim_search_spec *spec, cim_search_evaluator *ev,
                               cim_search_pool **out, cim_err *err)
{
    int size;
    char digest[33] = "";
    cim_err mine = {0};
    TRY_MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    TRY_MPI(MPI_Comm_size(comm, &size));
    CIM_TRY(cim_search_spec_identity(spec, digest, err));
    mpi_pool *p = pool_alloc(comm, spec, ev, size - 1);
    cim_text text;
    cim_text_init(&text);
    cim_search_spec_write(spec, true, &text);
    cim_status status = p && !text.failed ? announce(comm, &text, err)
                                          : cim_err_set(err, CIM_E_NOMEM, "pool", "out of memory");
    cim_text_clear(&text);
    if (status == CIM_OK)
        status = agree(comm, CIM_OK, digest, &mine, err);
    if (status != CIM_OK) {
        if (p)
            pool_free(p);
        return status;
    }
    *out = &p->base;
    return CIM_OK;
}
