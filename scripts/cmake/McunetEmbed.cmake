# mcunet_embed(TARGET NAME FILES...): compiles the files' text into TARGET as the function
#   const std::vector<mcunet::EmbeddedFile>& mcunet::embedded::NAME();
# (libmcunet/support/embedded.h), so that the installed binary carries its kernels, templates and boards.
set(MCUNET_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/EmbedFiles.cmake)
function(mcunet_embed target name)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUTPUT=${output} "-DFILES=${ARGN}" -P ${MCUNET_EMBED_SCRIPT}
    DEPENDS ${ARGN} ${MCUNET_EMBED_SCRIPT}
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
