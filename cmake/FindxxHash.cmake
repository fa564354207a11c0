# xxHash::header: we compile xxHash in (XXH_INLINE_ALL), so the header is all it takes.
include(FindPackageHandleStandardArgs)
find_path(XXHASH_INCLUDE_DIR xxhash.h)
mark_as_advanced(XXHASH_INCLUDE_DIR)
find_package_handle_standard_args(xxHash REQUIRED_VARS XXHASH_INCLUDE_DIR)
if(xxHash_FOUND AND NOT TARGET xxHash::header)
    add_library(xxHash::header INTERFACE IMPORTED)
    set_target_properties(xxHash::header PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")
endif()
