# The version lives in tensor/tensor.h alone; sets WENGERT_VERSION from it.
set(header "${CMAKE_CURRENT_LIST_DIR}/../tensor/tensor.h")
set(WENGERT_VERSION 0.0.0)   # before there is a header
if(EXISTS "${header}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}")
    set(parts "")
    foreach(part IN ITEMS MAJOR MINOR PATCH)
        file(STRINGS "${header}" line REGEX "^#define +WG_VERSION_${part} +[0-9]+")
        string(REGEX MATCH "[0-9]+" number "${line}")
        list(APPEND parts "${number}")
    endforeach()
    list(JOIN parts "." WENGERT_VERSION)
endif()
unset(header)
