/* The part of a point that a strategy chooses, in a form it can compute with: one double per free
 * parameter, the value itself for continuous ones and the level (0, 1, ...) for all others.
 * Expression parameters have no gene. A genome also remembers which points were asked, so that no
 * strategy asks one twice. Needs no cim_hw_space: benchmarks make genomes of real variables. */
#ifndef CIM_SEARCH_GENOME_H
#define CIM_SEARCH_GENOME_H

#include "hwspace/base/rng.h"
#include "hwspace/base/status.h"
#include "hwspace/space.h"
#include "search/keymap.h"

typedef struct cim_search_gene {
    double lo, hi;     /* of the gene: values, or levels 0 .. n_levels-1 */
    uint64_t n_levels; /* 0: continuous */
    bool categorical;  /* levels without an order */
    size_t param;      /* of the space it stands for */
} cim_search_gene;

typedef struct cim_search_genome {
    size_t n;
    cim_search_gene *genes; /* owned */
    double size;            /* number of points; INFINITY when one gene is continuous */
    bool indexed;           /* the number of points is below 2^53: keys are exact indices */
    cim_search_keymap seen;
    const cim_hw_space *space; /* borrowed, NULL for a genome made by hand */
} cim_search_genome;

/** A genome of n genes; the caller fills genes[] and calls cim_search_genome_ready(). */
CIM_MUST_CHECK cim_status cim_search_genome_init(cim_search_genome *g, size_t n, cim_err *err);
void cim_search_genome_ready(cim_search_genome *g);
/** The genome of a parameter space. @param space borrowed for the genome's life */
CIM_MUST_CHECK cim_status cim_search_genome_of_space(cim_search_genome *g,
                                                     const cim_hw_space *space, cim_err *err);
void cim_search_genome_clear(cim_search_genome *g);

/** Genes to a point of the space (expressions set to 0, to be resolved) and back. */
void cim_search_genome_point(const cim_search_genome *g, const double *x, double *point);
void cim_search_genome_of_point(const cim_search_genome *g, const double *point, double *x);

/** Remember x as asked. @return 1 it is new, 0 it was asked before, -1 out of memory */
int cim_search_genome_ask(cim_search_genome *g, const double *x);
/** Whether every point of the genome was asked. */
bool cim_search_genome_exhausted(const cim_search_genome *g);
/** A random point that was not asked before, remembered as asked. Uniform draws first; in a nearly
 *  exhausted space the next free point after a random one. @return 1, 0 exhausted, -1 no memory */
int cim_search_genome_fresh(cim_search_genome *g, cim_rng *rng, double *x);
/** Value of a gene at a unit coordinate u in [0, 1): equal bins for levels. */
double cim_search_gene_at(const cim_search_gene *gene, double u);

#endif
