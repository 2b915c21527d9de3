/* Errors are values: a status code returned by every fallible function and an optional
 * cim_err that says where, what was found and what is allowed.
 *
 * Three kinds are never mixed: a caller's bug is an assert, wrong input or environment is a
 * cim_status, an infeasible design point is data (see search/eval.h).
 * Start with cim_err_set(). */
#ifndef CIM_HWSPACE_BASE_STATUS_H
#define CIM_HWSPACE_BASE_STATUS_H

typedef enum cim_status {
    CIM_OK = 0,
    CIM_E_INPUT,    /* the user's input is wrong (exit 2) */
    CIM_E_IO,       /* the environment failed while running (exit 1) */
    CIM_E_NOMEM,    /* out of memory (exit 1) */
    CIM_E_INTERNAL, /* a bug of ours caught at run time (exit 1) */
    CIM_E_STOPPED   /* stopped early on purpose, resumable (exit 3) */
} cim_status;

#define CIM_MUST_CHECK __attribute__((warn_unused_result))
#define CIM_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/** What went wrong. `where` is a file, a JSON pointer ("spec.json:/budget/evaluations") or an
 *  operator; `message` is one line: what was found, what is allowed. */
typedef struct cim_err {
    cim_status code;
    char where[256];
    char message[512];
} cim_err;

/** Record an error; the first one wins, later calls on the same cim_err are ignored.
 *  @param err    may be NULL (then nothing is recorded)
 *  @param where  borrowed, may be NULL
 *  @return code, so that `return cim_err_set(...)` reads well. */
cim_status cim_err_set(cim_err *err, cim_status code, const char *where, const char *fmt, ...)
    CIM_PRINTF(4, 5);

/** Forget a recorded error. */
void cim_err_clear(cim_err *err);

/** The exit status a program ends with for a code: 0, 1, 2 or 3. */
int cim_status_exit(cim_status code);

/** Return from the calling function when an expression is not CIM_OK. */
#define CIM_TRY(expr)                                                                              \
    do {                                                                                           \
        cim_status cim_try_status_ = (expr);                                                       \
        if (cim_try_status_ != CIM_OK)                                                             \
            return cim_try_status_;                                                                \
    } while (0)

#endif
