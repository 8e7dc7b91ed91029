@name@_status @name@_selftest_input(@name@_context *context) {
  uint32_t state = @NAME@_SELFTEST_SEED;
  if (context == NULL || context->arena == NULL) return @NAME@_ERROR_NULL;
@fill@  return @NAME@_OK;
}
