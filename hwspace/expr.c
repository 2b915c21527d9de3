#include "hwspace/expr.h"

#include "hwspace/arch.h"
#include "hwspace/base/memory.h"

#include <float.h>
#include <math.h>
#include <muParserDLL.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1000, MAX_TOKENS = 400, MAX_DEPTH = 32 };

typedef enum kind {
    T_NUMBER,
    T_NAME,     /* field or metric: slot */
    T_WORD,     /* word of a choice, true, false: value */
    T_FUNCTION, /* its '(' is the next token */
    T_OPEN,
    T_CLOSE,
    T_COMMA,
    T_PLUS, /* plus and minus may also be signs */
    T_ARITHMETIC,
    T_COMPARE,
    T_LOGIC,
    T_QUESTION,
    T_COLON
} kind;

typedef struct token {
    kind kind;
    const char *at; /* in the user's text */
    size_t n;
    int index;    /* slot or function */
    double value; /* of a word */
} token;

typedef struct compiler {
    const cim_hw_expr_scope *scope;
    const char *text;
    token tokens[MAX_TOKENS];
    size_t n;
    char *message;
    size_t size;
    size_t split; /* token of the only comparison, when lhs and rhs can be computed apart; or 0 */
} compiler;

typedef enum compare { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL } compare;
static const char *const compare_text[] = {"<", "<=", ">", ">=", "==", "!="};

struct cim_hw_expr {
    muParserHandle_t left, right; /* right only with `split` */
    bool split;
    compare op;
    size_t n_used;
    int used[MAX_TOKENS];
};

/* ---- functions: what muParser has, and what it lacks ---- */

static double fn_floor(double x)
{
    return floor(x);
}
static double fn_ceil(double x)
{
    return ceil(x);
}
static double fn_round(double x)
{
    return round(x);
}
static double fn_mod(double x, double y)
{
    return fmod(x, y);
}

static const struct function {
    const char *name;
    int min_args, max_args;
    double (*one)(double);
    double (*two)(double, double);
} functions[] = {
    {"abs", 1, 1, NULL, NULL},     {"sqrt", 1, 1, NULL, NULL},      {"exp", 1, 1, NULL, NULL},
    {"ln", 1, 1, NULL, NULL},      {"log2", 1, 1, NULL, NULL},      {"log10", 1, 1, NULL, NULL},
    {"min", 1, 99, NULL, NULL},    {"max", 1, 99, NULL, NULL},      {"floor", 1, 1, fn_floor, NULL},
    {"ceil", 1, 1, fn_ceil, NULL}, {"round", 1, 1, fn_round, NULL}, {"mod", 2, 2, NULL, fn_mod}};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

/* ---- messages ---- */

static bool CIM_PRINTF(2, 3) complain(compiler *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->message, c->size, fmt, ap);
    va_end(ap);
    return false;
}

static int column(const compiler *c, const token *t)
{
    return (int)(t->at - c->text) + 1;
}

static bool unknown_name(compiler *c, const char *name)
{
    size_t n_names = cim_hw_n_fields + c->scope->n_metrics + N_FUNCTIONS, n = 0;
    const char **names = cim_alloc(n_names, sizeof *names);
    if (!names)
        return complain(c, "unknown name \"%s\"", name);
    for (size_t i = 0; i < cim_hw_n_fields; i++)
        names[n++] = cim_hw_fields[i].path;
    for (size_t i = 0; c->scope->constraint && i < c->scope->n_metrics; i++)
        names[n++] = c->scope->metrics[i];
    for (size_t i = 0; i < N_FUNCTIONS; i++)
        names[n++] = functions[i].name;
    const char *near = cim_text_nearest(name, names, n);
    complain(c, "unknown name \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
             near ? near : "", near ? "\"?" : "");
    cim_free(names);
    return false;
}

/* ---- tokens ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c) || c == '.';
}

static size_t number_length(const char *p)
{
    size_t n = 0;
    while (is_digit(p[n]))
        n++;
    if (p[n] == '.')
        for (n++; is_digit(p[n]);)
            n++;
    if ((p[n] == 'e' || p[n] == 'E') &&
        (is_digit(p[n + 1]) || ((p[n + 1] == '+' || p[n + 1] == '-') && is_digit(p[n + 2]))))
        for (n += 2; is_digit(p[n]);)
            n++;
    return n;
}

/* Metrics of one network are called "latency_s:resnet18", and networks may be called anything, so
 * the longest known metric that the text continues with is the name. */
static size_t name_length(const compiler *c, const char *p, int *metric)
{
    size_t n = 0;
    while (is_name(p[n]))
        n++;
    *metric = -1;
    for (size_t k = 0; k < c->scope->n_metrics; k++) {
        size_t m = strlen(c->scope->metrics[k]);
        if (m >= n && !strncmp(p, c->scope->metrics[k], m) && !is_name(p[m])) {
            n = m;
            *metric = (int)k;
        }
    }
    return n;
}

static bool scan_name(compiler *c, token *t)
{
    int metric;
    t->n = name_length(c, t->at, &metric);
    char name[160];
    if (t->n >= sizeof name)
        return complain(c, "the name at column %d is too long", column(c, t));
    memcpy(name, t->at, t->n);
    name[t->n] = '\0';
    t->kind = T_NAME;
    t->index = cim_hw_field_find(name);
    if (t->index >= 0)
        return true;
    if (metric >= 0) {
        if (!c->scope->constraint)
            return complain(c, "\"%s\" is a metric, known only after a point is evaluated", name);
        t->index = (int)cim_hw_n_fields + metric;
        return true;
    }
    const char *p = t->at + t->n;
    p += strspn(p, " \t");
    for (int i = 0; i < N_FUNCTIONS && *p == '('; i++)
        if (!strcmp(name, functions[i].name)) {
            t->kind = T_FUNCTION;
            t->index = i;
            return true;
        }
    t->kind = T_WORD; /* which one depends on what it is compared with */
    return true;
}

static bool scan_operator(compiler *c, token *t)
{
    static const struct {
        const char *text;
        kind kind;
    } operators[] = {{"<=", T_COMPARE},   {">=", T_COMPARE},   {"==", T_COMPARE},
                     {"!=", T_COMPARE},   {"&&", T_LOGIC},     {"||", T_LOGIC},
                     {"<", T_COMPARE},    {">", T_COMPARE},    {"+", T_PLUS},
                     {"-", T_PLUS},       {"*", T_ARITHMETIC}, {"/", T_ARITHMETIC},
                     {"^", T_ARITHMETIC}, {"(", T_OPEN},       {")", T_CLOSE},
                     {",", T_COMMA},      {"?", T_QUESTION},   {":", T_COLON}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t n = strlen(operators[i].text);
        if (!strncmp(t->at, operators[i].text, n)) {
            t->kind = operators[i].kind;
            t->n = n;
            return true;
        }
    }
    if (*t->at == '=')
        return complain(c, "'=' at column %d; write == to compare", column(c, t));
    if (*t->at == '&' || *t->at == '|')
        return complain(c, "'%c' at column %d; write %c%c", *t->at, column(c, t), *t->at, *t->at);
    return complain(c, "'%c' at column %d is not allowed here",
                    *t->at >= ' ' && *t->at < 0x7f ? *t->at : '?', column(c, t));
}

static bool tokenize(compiler *c)
{
    size_t length = strlen(c->text);
    if (length > MAX_TEXT)
        return complain(c, "found %zu characters, allowed are at most %d", length, MAX_TEXT);
    for (const char *p = c->text;;) {
        p += strspn(p, " \t");
        if (!*p)
            return c->n > 0 || complain(c, "the expression is empty");
        if (c->n == MAX_TOKENS)
            return complain(c, "found more than %d names, numbers and operators", MAX_TOKENS);
        token *t = &c->tokens[c->n++];
        t->at = p;
        if (is_digit(*p) || (*p == '.' && is_digit(p[1]))) {
            t->kind = T_NUMBER;
            t->n = number_length(p);
        } else if (is_name_start(*p) ? !scan_name(c, t) : !scan_operator(c, t)) {
            return false;
        }
        p += t->n;
    }
}

/* ---- words ---- */

static bool word_of(const cim_hw_field *f, token *t)
{
    for (double v = 0; f->choices && v <= f->max; v++) {
        const char *word = f->choices[(size_t)v];
        if (strlen(word) == t->n && !strncmp(word, t->at, t->n)) {
            t->value = v;
            return true;
        }
    }
    return false;
}

static const cim_hw_field *choice_at(const compiler *c, size_t i)
{
    if (i >= c->n || c->tokens[i].kind != T_NAME || c->tokens[i].index >= (int)cim_hw_n_fields)
        return NULL;
    const cim_hw_field *f = &cim_hw_fields[c->tokens[i].index];
    return f->choices ? f : NULL;
}

/* A word means something beside the field it is compared with, or in an expression that computes
 * a choice; true and false mean 1 and 0 everywhere. */
static bool resolve_word(compiler *c, size_t i)
{
    token *t = &c->tokens[i];
    bool truth = t->n == 4 && !strncmp(t->at, "true", 4);
    if (truth || (t->n == 5 && !strncmp(t->at, "false", 5))) {
        t->value = truth;
        return true;
    }
    char word[160], allowed[160];
    snprintf(word, sizeof word, "%.*s", (int)t->n, t->at);
    const cim_hw_field *f = NULL;
    if (i >= 2 && c->tokens[i - 1].kind == T_COMPARE)
        f = choice_at(c, i - 2);
    if (!f && i + 1 < c->n && c->tokens[i + 1].kind == T_COMPARE)
        f = choice_at(c, i + 2);
    if (!f && c->scope->target >= 0 && cim_hw_fields[c->scope->target].choices)
        f = &cim_hw_fields[c->scope->target];
    if (!f)
        return unknown_name(c, word);
    return word_of(f, t) || complain(c, "%s has no value \"%s\", allowed is one of: %s", f->path,
                                     word, cim_hw_field_allowed(f, allowed, sizeof allowed));
}

/* ---- syntax ---- */

typedef struct level {
    int function;  /* -1: plain parentheses or the whole text */
    int args;      /* of a function, so far */
    int questions; /* '?' without ':' */
    bool compared; /* a comparison since the last && || ? : , */
} level;

typedef struct checker {
    level levels[MAX_DEPTH];
    int depth;
    bool operand;                       /* a value is needed next */
    bool sign;                          /* the last token was a sign */
    size_t comparisons, top_comparison; /* outside parentheses */
    bool top_other;                     /* && || ? outside parentheses */
} checker;

static bool value_needed(compiler *c, size_t i)
{
    if (i >= c->n)
        return complain(c, "the expression ends where a value is needed");
    return complain(c, "a value is needed before '%.*s' at column %d", (int)c->tokens[i].n,
                    c->tokens[i].at, column(c, &c->tokens[i]));
}

static bool open_level(compiler *c, checker *k, size_t i)
{
    if (++k->depth == MAX_DEPTH)
        return complain(c, "parentheses are nested more than %d deep", MAX_DEPTH - 1);
    bool call = i > 0 && c->tokens[i - 1].kind == T_FUNCTION;
    k->levels[k->depth] = (level){.function = call ? c->tokens[i - 1].index : -1, .args = 1};
    return true;
}

static bool close_level(compiler *c, checker *k, size_t i)
{
    const level *l = &k->levels[k->depth];
    if (k->depth == 0)
        return complain(c, "')' at column %d closes nothing", column(c, &c->tokens[i]));
    if (l->questions > 0)
        return complain(c, "a '?' before column %d lacks its ':'", column(c, &c->tokens[i]));
    if (l->function >= 0) {
        const struct function *f = &functions[l->function];
        if (l->args < f->min_args || l->args > f->max_args)
            return complain(c, "%s at column %d takes %d value%s, found %d", f->name,
                            column(c, &c->tokens[i]), f->min_args, f->min_args > 1 ? "s" : "",
                            l->args);
    }
    k->depth--;
    return true;
}

static bool check_operand(compiler *c, checker *k, size_t i)
{
    bool signed_before = k->sign;
    k->sign = false;
    switch (c->tokens[i].kind) {
    case T_WORD:
        if (!resolve_word(c, i))
            return false;
        k->operand = false;
        return true;
    case T_NUMBER:
    case T_NAME:
        k->operand = false;
        return true;
    case T_FUNCTION: /* the tokenizer saw its '(' */
        return true;
    case T_PLUS: /* a sign; one is enough */
        k->sign = true;
        return !signed_before || value_needed(c, i);
    case T_OPEN:
        return open_level(c, k, i);
    default:
        return value_needed(c, i);
    }
}

static bool check_compare(compiler *c, checker *k, size_t i)
{
    level *l = &k->levels[k->depth];
    if (l->compared)
        return complain(c, "a second comparison at column %d; write a <= b && b <= c",
                        column(c, &c->tokens[i]));
    l->compared = true;
    k->comparisons++;
    if (k->depth == 0)
        k->top_comparison = i;
    return true;
}

static bool check_operator(compiler *c, checker *k, size_t i)
{
    const token *t = &c->tokens[i];
    level *l = &k->levels[k->depth];
    k->operand = true;
    switch (t->kind) {
    case T_PLUS:
    case T_ARITHMETIC:
        return true;
    case T_COMPARE:
        return check_compare(c, k, i);
    case T_QUESTION:
        l->questions++;
        break;
    case T_COLON:
        if (l->questions-- == 0)
            return complain(c, "':' at column %d lacks its '?'", column(c, t));
        break;
    case T_COMMA:
        if (l->function < 0)
            return complain(c, "',' at column %d is outside a function", column(c, t));
        if (l->questions > 0)
            return complain(c, "a '?' before column %d lacks its ':'", column(c, t));
        l->args++;
        break;
    case T_LOGIC:
        break;
    case T_CLOSE:
        k->operand = false;
        return close_level(c, k, i);
    default:
        return complain(c, "an operator is needed before '%.*s' at column %d", (int)t->n, t->at,
                        column(c, t));
    }
    l->compared = false;
    k->top_other |= k->depth == 0;
    return true;
}

static bool is_flag(const compiler *c)
{
    return c->n == 1 && c->tokens[0].kind == T_NAME && c->tokens[0].index < (int)cim_hw_n_fields &&
           cim_hw_fields[c->tokens[0].index].type == CIM_HW_BOOL;
}

static bool check_syntax(compiler *c)
{
    checker k = {.operand = true, .levels = {{.function = -1, .args = 1}}};
    for (size_t i = 0; i < c->n; i++)
        if (!(k.operand ? check_operand(c, &k, i) : check_operator(c, &k, i)))
            return false;
    if (k.operand)
        return value_needed(c, c->n);
    if (k.depth > 0)
        return complain(c, "a '(' is not closed");
    if (k.levels[0].questions > 0)
        return complain(c, "a '?' lacks its ':'");
    if (c->scope->constraint && k.comparisons == 0 && !is_flag(c))
        return complain(c, "a constraint compares something (<=, <, >=, >, ==, !=)");
    c->split = c->scope->constraint && !k.top_other ? k.top_comparison : 0;
    return true;
}

/* ---- muParser ---- */

static void quiet(muParserHandle_t parser)
{
    (void)parser; /* errors are fetched after each call */
}

static void define_functions(muParserHandle_t parser)
{
    for (size_t i = 0; i < N_FUNCTIONS; i++) {
        if (functions[i].one)
            mupDefineFun1(parser, functions[i].name, functions[i].one, 1);
        if (functions[i].two)
            mupDefineFun2(parser, functions[i].name, functions[i].two, 1);
    }
}

/* Tokens [from, to) in muParser's words: slot 7 is the variable v7. */
static void rewrite(const compiler *c, size_t from, size_t to, cim_text *out)
{
    for (size_t i = from; i < to; i++) {
        const token *t = &c->tokens[i];
        if (t->kind == T_NAME)
            cim_text_addf(out, "v%d", t->index);
        else if (t->kind == T_WORD)
            cim_text_addf(out, "%.0f", t->value);
        else
            cim_text_add_n(out, t->at, t->n);
        if (t->kind != T_FUNCTION) /* muParser wants '(' right behind it */
            cim_text_add_n(out, " ", 1);
    }
}

static cim_status compile_part(compiler *c, size_t from, size_t to, muParserHandle_t *out)
{
    cim_text text;
    cim_text_init(&text);
    rewrite(c, from, to, &text);
    muParserHandle_t parser = text.failed ? NULL : mupCreate(muBASETYPE_FLOAT);
    if (!parser) {
        cim_text_clear(&text);
        return CIM_E_NOMEM;
    }
    *out = parser; /* released with the expression, whatever happens */
    mupSetErrorHandler(parser, quiet);
    mupSetArgSep(parser, ',');
    define_functions(parser);
    for (size_t i = from; i < to; i++)
        if (c->tokens[i].kind == T_NAME) {
            char name[16];
            snprintf(name, sizeof name, "v%d", c->tokens[i].index);
            mupDefineVar(parser, name, &c->scope->slots[c->tokens[i].index]);
        }
    mupSetExpr(parser, text.s);
    cim_text_clear(&text);
    mupEval(parser); /* the first evaluation compiles */
    if (mupError(parser)) {
        complain(c, "%s", mupGetErrorMsg(parser));
        return CIM_E_INPUT;
    }
    return CIM_OK;
}

static void collect_used(const compiler *c, cim_hw_expr *e)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->tokens[i].kind != T_NAME)
            continue;
        size_t k = 0;
        while (k < e->n_used && e->used[k] != c->tokens[i].index)
            k++;
        if (k == e->n_used)
            e->used[e->n_used++] = c->tokens[i].index;
    }
}

static compare compare_of(const token *t)
{
    int op = LESS;
    while (strlen(compare_text[op]) != t->n || strncmp(compare_text[op], t->at, t->n) != 0)
        op++;
    return (compare)op;
}

static cim_status compile(compiler *c, cim_hw_expr **out)
{
    if (!tokenize(c) || !check_syntax(c))
        return CIM_E_INPUT;
    cim_hw_expr *e = cim_alloc(1, sizeof *e);
    if (!e)
        return CIM_E_NOMEM;
    cim_status s;
    if (c->split) {
        e->split = true;
        e->op = compare_of(&c->tokens[c->split]);
        s = compile_part(c, 0, c->split, &e->left);
        if (s == CIM_OK)
            s = compile_part(c, c->split + 1, c->n, &e->right);
    } else {
        s = compile_part(c, 0, c->n, &e->left);
    }
    if (s != CIM_OK) {
        cim_hw_expr_destroy(e);
        return s;
    }
    collect_used(c, e);
    *out = e;
    return CIM_OK;
}

cim_status cim_hw_expr_compile(const char *text, const cim_hw_expr_scope *scope, cim_hw_expr **out,
                               char *message, size_t size)
{
    compiler *c = cim_alloc(1, sizeof *c);
    if (!c)
        return CIM_E_NOMEM;
    c->scope = scope;
    c->text = text;
    c->message = message;
    c->size = size;
    cim_status s = compile(c, out);
    cim_free(c);
    return s;
}

void cim_hw_expr_destroy(cim_hw_expr *e)
{
    if (!e)
        return;
    if (e->left)
        mupRelease(e->left);
    if (e->right)
        mupRelease(e->right);
    cim_free(e);
}

size_t cim_hw_expr_used(const cim_hw_expr *e, const int **used)
{
    *used = e->used;
    return e->n_used;
}

/* ---- evaluation ---- */

static double evaluate(muParserHandle_t parser)
{
    double v = mupEval(parser);
    return mupError(parser) ? NAN : v;
}

double cim_hw_expr_value(const cim_hw_expr *e)
{
    return evaluate(e->left);
}

static bool compared(compare op, double a, double b)
{
    switch (op) {
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    case GREATER:
        return a > b;
    case GREATER_EQUAL:
        return a >= b;
    case EQUAL:
        return a == b;
    case NOT_EQUAL:
        break;
    }
    return a != b;
}

bool cim_hw_expr_holds(const cim_hw_expr *e, double *violation)
{
    double a = evaluate(e->left), amount = 1;
    bool holds;
    if (e->split) {
        double b = evaluate(e->right);
        /* Nothing is known of a number that is none: that never holds, not even !=. */
        holds = !isnan(a) && !isnan(b) && compared(e->op, a, b);
        double distance = fabs(a - b) / (fabs(a) + fabs(b));
        if (e->op != NOT_EQUAL && isfinite(distance))
            amount = fmax(distance, DBL_EPSILON); /* a < b broken by a == b is still broken */
    } else {
        holds = a != 0 && !isnan(a);
    }
    if (violation)
        *violation = holds ? 0 : amount;
    return holds;
}
