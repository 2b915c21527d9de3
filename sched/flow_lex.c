/* Lines, words, numbers, keys and expressions of a flow file. */
#include "sched/flow_parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST (INT64_C(1) << 53)

cim_status cim_cc_parse_fail(parser *ps, const char *fmt, ...)
{
    char where[256], message[480];
    va_list args;
    snprintf(where, sizeof where, "%.200s:%u", ps->name, ps->line);
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return cim_err_set(ps->err, CIM_E_INPUT, where, "%s", message);
}

/* ---- lines and words ---------------------------------------------------------------------------- */

static void skip_blanks(parser *ps)
{
    while (ps->s < ps->eol && (*ps->s == ' ' || *ps->s == '\t' || *ps->s == '\r'))
        ps->s++;
    if (ps->s < ps->eol && *ps->s == '#')
        ps->s = ps->eol;
}

bool cim_cc_parse_line(parser *ps)
{
    for (;;) {
        ps->s = ps->eol;
        if (ps->s < ps->end && ps->line > 0)
            ps->s++; /* the newline */
        if (ps->s >= ps->end)
            return false;
        const char *eol = memchr(ps->s, '\n', (size_t)(ps->end - ps->s));
        ps->eol = eol ? eol : ps->end;
        ps->b.line = ++ps->line;
        skip_blanks(ps);
        if (ps->s < ps->eol)
            return true;
    }
}

bool cim_cc_parse_take(parser *ps, char c)
{
    skip_blanks(ps);
    if (ps->s == ps->eol || *ps->s != c)
        return false;
    ps->s++;
    return true;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

const char *cim_cc_parse_word(parser *ps, char word[CIM_CC_FLOW_WORD])
{
    size_t n = 0;
    skip_blanks(ps);
    while (ps->s < ps->eol && n + 1 < CIM_CC_FLOW_WORD &&
           (word_char(*ps->s) ||
            (*ps->s == '.' && n > 0 && ps->s + 1 < ps->eol && word_char(ps->s[1]))))
        word[n++] = *ps->s++;
    word[n] = '\0';
    return word;
}

const char *cim_cc_parse_found(parser *ps, char word[CIM_CC_FLOW_WORD])
{
    skip_blanks(ps);
    if (ps->s == ps->eol) {
        snprintf(word, CIM_CC_FLOW_WORD, "the end of the line");
        return word;
    }
    size_t n = 0;
    word[n++] = '\'';
    for (const char *s = ps->s; s < ps->eol && *s != ' ' && n < 24; s++)
        word[n++] = *s >= 0x20 && *s < 0x7f ? *s : '?';
    word[n++] = '\'';
    word[n] = '\0';
    return word;
}

bool cim_cc_parse_at_end(parser *ps)
{
    skip_blanks(ps);
    return ps->s == ps->eol;
}

cim_status cim_cc_parse_end(parser *ps)
{
    char word[CIM_CC_FLOW_WORD];
    if (cim_cc_parse_at_end(ps))
        return CIM_OK;
    return cim_cc_parse_fail(ps, "%s where the line should end", cim_cc_parse_found(ps, word));
}

cim_status cim_cc_parse_expect(parser *ps, char c, const char *after)
{
    char word[CIM_CC_FLOW_WORD];
    if (cim_cc_parse_take(ps, c))
        return CIM_OK;
    return cim_cc_parse_fail(ps, "%s after %s, expected '%c'", cim_cc_parse_found(ps, word), after,
                             c);
}

/* ---- values ------------------------------------------------------------------------------------------ */

static bool digits(parser *ps, int64_t *out)
{
    skip_blanks(ps);
    if (ps->s == ps->eol || !isdigit((unsigned char)*ps->s))
        return false;
    int64_t v = 0;
    for (; ps->s < ps->eol && isdigit((unsigned char)*ps->s); ps->s++)
        v = v <= MOST ? v * 10 + (*ps->s - '0') : v;
    *out = v;
    return true;
}

cim_status cim_cc_parse_int(parser *ps, const char *what, int64_t min, int64_t max, int64_t *out)
{
    char word[CIM_CC_FLOW_WORD];
    if (!digits(ps, out))
        return cim_cc_parse_fail(ps, "%s: %s, expected an integer", what,
                                 cim_cc_parse_found(ps, word));
    if (*out < min || *out > max)
        return cim_cc_parse_fail(ps, "%s is %lld, allowed are %lld to %lld", what, (long long)*out,
                                 (long long)min, (long long)max);
    return CIM_OK;
}

cim_status cim_cc_parse_real(parser *ps, const char *what, double *out)
{
    char text[CIM_CC_FLOW_WORD], *rest, word[CIM_CC_FLOW_WORD];
    size_t n = 0;
    skip_blanks(ps);
    while (ps->s + n < ps->eol && n + 1 < sizeof text &&
           (isdigit((unsigned char)ps->s[n]) || strchr(".eE+-", ps->s[n])) && ps->s[n])
        n++;
    memcpy(text, ps->s, n);
    text[n] = '\0';
    double v = strtod(text, &rest);
    if (n == 0 || *rest || !(v >= 0 && v <= 1e300))
        return cim_cc_parse_fail(ps, "%s: %s, expected a number from 0", what,
                                 cim_cc_parse_found(ps, word));
    ps->s += n;
    *out = v;
    return CIM_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

cim_status cim_cc_parse_string(parser *ps, const char *what, const char **out)
{
    char word[CIM_CC_FLOW_WORD];
    if (!cim_cc_parse_take(ps, '"'))
        return cim_cc_parse_fail(ps, "%s: %s, expected a name in quotes", what,
                                 cim_cc_parse_found(ps, word));
    char *to = cim_arena_take(&ps->p->arena, (size_t)(ps->eol - ps->s) + 1, 1);
    if (!to)
        return cim_err_set(ps->err, CIM_E_NOMEM, ps->name, "out of memory");
    *out = to;
    while (ps->s < ps->eol && *ps->s != '"') {
        if (*ps->s != '\\') {
            *to++ = *ps->s++;
            continue;
        }
        int high = ps->eol - ps->s >= 4 && ps->s[1] == 'x' ? hex_digit(ps->s[2]) : -1;
        int low = high >= 0 ? hex_digit(ps->s[3]) : -1;
        if (low < 0 || (high == 0 && low == 0))
            return cim_cc_parse_fail(ps,
                                     "%s: a backslash in a name must be followed by x and two "
                                     "hexadecimal digits, not 00",
                                     what);
        *to++ = (char)(high * 16 + low);
        ps->s += 4;
    }
    *to = '\0';
    if (ps->s == ps->eol)
        return cim_cc_parse_fail(ps, "%s: the name has no closing quote", what);
    ps->s++;
    return CIM_OK;
}

cim_status cim_cc_parse_tensor(parser *ps, const char *what, uint32_t *out)
{
    char word[CIM_CC_FLOW_WORD];
    const cim_cc_graph *g = ps->graph;
    int64_t k = 0;
    bool result = cim_cc_parse_take(ps, 't'), input = !result && cim_cc_parse_take(ps, 'x');
    if ((!result && !input) || ps->s == ps->eol || !isdigit((unsigned char)*ps->s) ||
        !digits(ps, &k))
        return cim_cc_parse_fail(ps,
                                 "%s: %s, expected a tensor: t and the number of the operator, "
                                 "or x and that of the network's input",
                                 what, cim_cc_parse_found(ps, word));
    if (k >= (result ? g->n_ops : g->n_inputs))
        return cim_cc_parse_fail(ps,
                                 "%s: there is no tensor %c%lld, the network has %u operators "
                                 "and %u inputs",
                                 what, result ? 't' : 'x', (long long)k, g->n_ops, g->n_inputs);
    *out = (uint32_t)k + (result ? 0 : g->n_ops);
    return CIM_OK;
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static cim_status parse_choice(parser *ps, const char *key, const char *const *words, int64_t *out)
{
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD], list[160] = "";
    const char *start = ps->s;
    cim_cc_parse_word(ps, word);
    for (*out = 0; words[*out]; ++*out)
        if (!strcmp(words[*out], word))
            return CIM_OK;
    ps->s = start;
    for (int i = 0; words[i]; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", words[i]);
    return cim_cc_parse_fail(ps, "%s is %s, allowed are %s", key, cim_cc_parse_found(ps, found),
                             list);
}

static cim_status parse_value(parser *ps, const field *f)
{
    static const char *const flags[] = {"false", "true", NULL};
    char word[CIM_CC_FLOW_WORD];
    const char *start = ps->s;
    int64_t v;
    switch (f->kind) {
    case FIELD_LIMIT:
        if (!strcmp(cim_cc_parse_word(ps, word), "none")) {
            *(int64_t *)f->to = -1;
            return CIM_OK;
        }
        ps->s = start;
        return cim_cc_parse_int(ps, f->key, f->min, f->max, f->to);
    case FIELD_INT:
        return cim_cc_parse_int(ps, f->key, f->min, f->max, f->to);
    case FIELD_INT32:
        CIM_TRY(cim_cc_parse_int(ps, f->key, f->min, f->max, &v));
        *(uint32_t *)f->to = (uint32_t)v;
        return CIM_OK;
    case FIELD_WORD:
        return parse_choice(ps, f->key, f->words, f->to);
    case FIELD_BOOL:
        CIM_TRY(parse_choice(ps, f->key, flags, &v));
        *(bool *)f->to = v != 0;
        return CIM_OK;
    case FIELD_REAL:
        return cim_cc_parse_real(ps, f->key, f->to);
    default:
        return cim_cc_parse_string(ps, f->key, f->to);
    }
}

cim_status cim_cc_parse_fields(parser *ps, const char *what, const field *fields, size_t n)
{
    char word[CIM_CC_FLOW_WORD];
    uint64_t seen = 0;
    for (;;) {
        skip_blanks(ps);
        if (ps->s == ps->eol || *ps->s == '{')
            break;
        size_t i = 0;
        const char *start = ps->s;
        cim_cc_parse_word(ps, word);
        while (i < n && strcmp(fields[i].key, word) != 0)
            i++;
        if (i == n) {
            ps->s = start;
            return cim_cc_parse_fail(ps, "%s has no key %s", what, cim_cc_parse_found(ps, word));
        }
        if (seen >> i & 1)
            return cim_cc_parse_fail(ps, "key '%s' of %s is given twice", fields[i].key, what);
        seen |= UINT64_C(1) << i;
        CIM_TRY(cim_cc_parse_expect(ps, '=', fields[i].key));
        CIM_TRY(parse_value(ps, &fields[i]));
    }
    for (size_t i = 0; i < n; i++)
        if (!(seen >> i & 1))
            return cim_cc_parse_fail(ps, "%s has no key '%s'", what, fields[i].key);
    return CIM_OK;
}

/* ---- expressions ------------------------------------------------------------------------------------- */

enum { MAX_NODES = 1000 };

static cim_status sum(parser *ps, cim_cc_expr *out);

/* min and max: the word was read. */
static cim_status call(parser *ps, cim_cc_expr_op op, const char *name, cim_cc_expr *out)
{
    cim_cc_expr x, y;
    CIM_TRY(cim_cc_parse_expect(ps, '(', name));
    CIM_TRY(sum(ps, &x));
    CIM_TRY(cim_cc_parse_expect(ps, ',', "the first operand"));
    CIM_TRY(sum(ps, &y));
    CIM_TRY(cim_cc_parse_expect(ps, ')', "the second operand"));
    *out = cim_cc_ex(&ps->b, op, x, y);
    return CIM_OK;
}

static cim_status operand(parser *ps, cim_cc_expr *out)
{
    char word[CIM_CC_FLOW_WORD], found[CIM_CC_FLOW_WORD];
    int64_t v;
    if (++ps->ex_nodes > MAX_NODES)
        return cim_cc_parse_fail(ps, "an expression of more than %d operands", MAX_NODES);
    if (digits(ps, &v)) {
        if (v > MOST)
            return cim_cc_parse_fail(ps, "a number beyond 2^53");
        *out = cim_cc_ex_const(&ps->b, v);
        return CIM_OK;
    }
    if (cim_cc_parse_take(ps, '(')) {
        CIM_TRY(sum(ps, out));
        return cim_cc_parse_expect(ps, ')', "an expression");
    }
    const char *start = ps->s;
    size_t n = 0; /* a variable ends before a dot: "for v in a..b" */
    for (skip_blanks(ps); ps->s < ps->eol && word_char(*ps->s) && n + 1 < sizeof word; ps->s++)
        word[n++] = *ps->s;
    word[n] = '\0';
    if (!strcmp(word, "min"))
        return call(ps, CIM_CC_EX_MIN, word, out);
    if (!strcmp(word, "max"))
        return call(ps, CIM_CC_EX_MAX, word, out);
    for (uint32_t i = ps->b.n_vars; n > 0 && i-- > 0;)
        if (!strcmp(ps->b.vars[i], word)) {
            *out = cim_cc_ex_var(&ps->b, i);
            return CIM_OK;
        }
    ps->s = start;
    return cim_cc_parse_fail(ps, "%s is no number and no variable in scope",
                             cim_cc_parse_found(ps, found));
}

static cim_status product(parser *ps, cim_cc_expr *out)
{
    CIM_TRY(operand(ps, out));
    for (;;) {
        cim_cc_expr y;
        cim_cc_expr_op op = cim_cc_parse_take(ps, '*')   ? CIM_CC_EX_MUL
                            : cim_cc_parse_take(ps, '/') ? CIM_CC_EX_DIV
                            : cim_cc_parse_take(ps, '%') ? CIM_CC_EX_MOD
                                                         : CIM_CC_EX_CONST;
        if (op == CIM_CC_EX_CONST)
            return CIM_OK;
        CIM_TRY(operand(ps, &y));
        *out = cim_cc_ex(&ps->b, op, *out, y);
    }
}

static cim_status sum(parser *ps, cim_cc_expr *out)
{
    if (++ps->ex_depth > CIM_CC_FLOW_MAX_DEPTH)
        return cim_cc_parse_fail(ps, "an expression nested deeper than %d", CIM_CC_FLOW_MAX_DEPTH);
    CIM_TRY(product(ps, out));
    for (;;) {
        cim_cc_expr y;
        cim_cc_expr_op op = cim_cc_parse_take(ps, '+')   ? CIM_CC_EX_ADD
                            : cim_cc_parse_take(ps, '-') ? CIM_CC_EX_SUB
                                                         : CIM_CC_EX_CONST;
        if (op == CIM_CC_EX_CONST)
            break;
        CIM_TRY(product(ps, &y));
        *out = cim_cc_ex(&ps->b, op, *out, y);
    }
    ps->ex_depth--;
    return CIM_OK;
}

cim_status cim_cc_parse_expr(parser *ps, cim_cc_expr *out)
{
    ps->ex_nodes = ps->ex_depth = 0;
    return sum(ps, out);
}
