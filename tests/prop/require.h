/* An assertion that names the random case. Include after cmocka.h. */
#ifndef CIM_TESTS_PROP_REQUIRE_H
#define CIM_TESTS_PROP_REQUIRE_H

static unsigned long long seed_now; /* named by a failure */
#define REQUIRE(x)                                                                                 \
    do {                                                                                           \
        if (!(x))                                                                                  \
            fail_msg("seed %llu: %s", seed_now, #x);                                               \
    } while (0)

#endif
