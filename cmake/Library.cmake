# libwengert.so and libwengert.a, always both, from the same objects.
include(GNUInstallDirs)
add_library(wengert SHARED)
add_library(wengert_static STATIC)
set_target_properties(wengert_static PROPERTIES OUTPUT_NAME wengert)
set_target_properties(wengert PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}   # before 1.0 a minor version may break the ABI
    INSTALL_RPATH_USE_LINK_PATH ON)                               # the BLIS we were tested with

foreach(library IN ITEMS wengert wengert_static)
    add_library(wengert::${library} ALIAS ${library})
    set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C)
    foreach(layer IN LISTS WENGERT_OBJECTS)
        target_sources(${library} PRIVATE $<TARGET_OBJECTS:${layer}>)
    endforeach()
    target_include_directories(${library} INTERFACE
        $<BUILD_INTERFACE:${WENGERT_VIEWS}/public> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/wengert>)
    target_link_libraries(${library} PRIVATE BLIS::BLIS ZLIB::ZLIB ${WENGERT_LIBDW} Threads::Threads ${CMAKE_DL_LIBS} m)
    wengert_house(${library})
endforeach()

# A sanitizer's own symbols are found in the program only, so its libraries cannot be complete.
if(NOT WENGERT_INSTRUMENT AND NOT APPLE)
    target_link_options(wengert PRIVATE LINKER:-z,defs)
endif()
