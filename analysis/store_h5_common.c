#include "analysis/store_h5.h"

#include <string.h>

const char *const cim_ana_type_words[] = {"int", "real", "bool", "enum", NULL};

void cim_ana_h5_init(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

hid_t cim_ana_h5_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return access;
#if H5_VERSION_GE(1, 10, 7)
    (void)!H5Pset_file_locking(access, 0, 1);
#endif
    /* Since 1.8 groups keep the order of columns. */
    if (H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) < 0 ||
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0) { /* after an error, all handles */
        H5Pclose(access);
        return -1;
    }
    return access;
}

void cim_ana_h5_link_encode(const char *name, char *link)
{
    for (; *name; name++) {
        const char *escape = *name == '/' ? "%2F" : *name == '%' ? "%25" : NULL;
        if (escape) {
            memcpy(link, escape, 3);
            link += 3;
        } else {
            *link++ = *name;
        }
    }
    *link = '\0';
}

void cim_ana_h5_link_decode(const char *link, char *name)
{
    while (*link) {
        bool slash = !strncmp(link, "%2F", 3), percent = !strncmp(link, "%25", 3);
        *name++ = slash ? '/' : *link;
        link += slash || percent ? 3 : 1;
    }
    *name = '\0';
}

hid_t cim_ana_h5_bool(void)
{
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    signed char no = 0, yes = 1;
    if (type >= 0 &&
        (H5Tenum_insert(type, "FALSE", &no) < 0 || H5Tenum_insert(type, "TRUE", &yes) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

hid_t cim_ana_h5_string(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 &&
        (H5Tset_size(type, size ? size : H5T_VARIABLE) < 0 ||
         H5Tset_cset(type, H5T_CSET_UTF8) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}
