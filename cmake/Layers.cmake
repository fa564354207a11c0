# A layer is a folder of the root and an object library. Sources write includes from the root ("tensor/tensor.h"),
# but are given a folder of links to the layers they may use instead of the root, so the compiler refuses the rest.
set(WENGERT_VIEWS "${PROJECT_BINARY_DIR}/layers")
set(WENGERT_LAYERS "")    # so far, bottom up
set(WENGERT_OBJECTS "")   # the object libraries that exist

function(wengert_link_into view)
    file(REMOVE_RECURSE "${view}")   # a link to a folder goes, the folder stays
    foreach(path IN LISTS ARGN)
        cmake_path(GET path PARENT_PATH folder)
        file(MAKE_DIRECTORY "${view}/${folder}")
        file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${path}" "${view}/${path}" SYMBOLIC)
    endforeach()
endfunction()

# wengert_layer(<name> [NEEDS <imported targets>])
function(wengert_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 layer "" "" NEEDS)
    set(layers ${WENGERT_LAYERS} ${name})
    set(WENGERT_LAYERS ${layers} PARENT_SCOPE)
    wengert_link_into("${WENGERT_VIEWS}/${name}" ${layers})

    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${name}/*.c")
    if(NOT sources)
        return()
    endif()
    set(library wengert_${name})
    add_library(${library} OBJECT ${sources})
    set_target_properties(${library} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
    target_include_directories(${library} PRIVATE "${WENGERT_VIEWS}/${name}")
    target_link_libraries(${library} PRIVATE ${layer_NEEDS})
    wengert_house(${library})
    if(NOT name STREQUAL io)
        wengert_compare_untraced(${library})
    endif()
    set(WENGERT_OBJECTS ${WENGERT_OBJECTS} ${library} PARENT_SCOPE)
endfunction()

# wengert_tell_layers(<source>): defines WENGERT_LAYERS there, "tensor/","io/",... of all layers so far.
function(wengert_tell_layers source)
    list(TRANSFORM WENGERT_LAYERS REPLACE "(.+)" "\"\\1/\"" OUTPUT_VARIABLE folders)
    list(JOIN folders "," folders)
    set_source_files_properties("${source}" PROPERTIES COMPILE_DEFINITIONS "WENGERT_LAYERS=${folders}")
endfunction()

# What users may include: all headers but the *_impl.h, and the tables of operations. WENGERT_PUBLIC_HEADERS lists
# them for the install, and a view of their own serves users inside the build tree.
function(wengert_public_headers)
    set(patterns wengert.h fuzz/fuzz.h)
    foreach(layer IN LISTS WENGERT_LAYERS)
        list(APPEND patterns ${layer}/*.h ${layer}/ops/*.def)
    endforeach()
    file(GLOB headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" ${patterns})
    list(FILTER headers EXCLUDE REGEX "_impl\\.h$")
    set(WENGERT_PUBLIC_HEADERS ${headers} PARENT_SCOPE)
    wengert_link_into("${WENGERT_VIEWS}/public" ${headers})
endfunction()
