/* What the files of the flow's parser share: a cursor over lines, keys and values, expressions. */
#ifndef CIM_SCHED_FLOW_PARSE_H
#define CIM_SCHED_FLOW_PARSE_H

#include "sched/flow.h"

enum { CIM_CC_FLOW_WORD = 64 };

typedef struct parser {
    const char *name;    /* of the file, for messages */
    const char *s, *end; /* the rest of the text */
    const char *eol;     /* end of the current line */
    uint32_t line;
    const cim_cc_graph *graph;
    cim_cc_program *p;
    cim_cc_builder b;
    uint32_t ex_nodes, ex_depth; /* of the expression being read */
    cim_err *err;
} parser;

/** An error at the current line. @return CIM_E_INPUT */
cim_status cim_cc_parse_fail(parser *ps, const char *fmt, ...) CIM_PRINTF(2, 3);
/** Go to the next line that holds something. @return false: the text ends */
bool cim_cc_parse_line(parser *ps);
/** Take a character (after blanks) when it comes next on the line. */
bool cim_cc_parse_take(parser *ps, char c);
/** Take a word [A-Za-z0-9_.]+, empty when none comes next. */
const char *cim_cc_parse_word(parser *ps, char word[CIM_CC_FLOW_WORD]);
/** What comes next, for messages. */
const char *cim_cc_parse_found(parser *ps, char word[CIM_CC_FLOW_WORD]);
/** Whether the line ends here. */
bool cim_cc_parse_at_end(parser *ps);
/** Fails unless the line ends here. */
CIM_MUST_CHECK cim_status cim_cc_parse_end(parser *ps);
CIM_MUST_CHECK cim_status cim_cc_parse_expect(parser *ps, char c, const char *after);

CIM_MUST_CHECK cim_status cim_cc_parse_int(parser *ps, const char *what, int64_t min, int64_t max,
                                           int64_t *out);
CIM_MUST_CHECK cim_status cim_cc_parse_real(parser *ps, const char *what, double *out);
CIM_MUST_CHECK cim_status cim_cc_parse_string(parser *ps, const char *what, const char **out);
CIM_MUST_CHECK cim_status cim_cc_parse_tensor(parser *ps, const char *what, uint32_t *out);
CIM_MUST_CHECK cim_status cim_cc_parse_expr(parser *ps, cim_cc_expr *out);

typedef enum field_kind {
    FIELD_INT,
    FIELD_INT32, /* into a uint32_t */
    FIELD_LIMIT, /* "none" is -1 */
    FIELD_WORD,  /* index into words, as int64_t */
    FIELD_BOOL,
    FIELD_REAL,
    FIELD_STRING
} field_kind;

/** A key of a declaration. All keys of a declaration must be there, in any order. */
typedef struct field {
    const char *key;
    field_kind kind;
    void *to;
    int64_t min, max;
    const char *const *words;
} field;
/** Keys and values up to the end of the line or "{". @param what  the declaration, for messages */
CIM_MUST_CHECK cim_status cim_cc_parse_fields(parser *ps, const char *what, const field *fields,
                                              size_t n);

/** Items up to the "}" that closes the block; the block is open in the builder. */
CIM_MUST_CHECK cim_status cim_cc_parse_items(parser *ps, const char *what);

#endif
