void *@name@_input(@name@_context *context, size_t i) {
  if (context == NULL || context->arena == NULL) return NULL;
  switch (i) {
@input_cases@    default: return NULL;
  }
}
