@name@_status @name@_restart(@name@_context *context) {
  if (context == NULL || context->arena == NULL) return @NAME@_ERROR_NULL;
@restart@  return @NAME@_OK;
}

size_t @name@_rows_wanted(const @name@_context *context) {
  if (context == NULL || context->arena == NULL) return 0;
  return (size_t)(@NAME@_INPUT_ROWS - context->input_rows);
}

void *@name@_next_row(@name@_context *context) {
  if (@name@_rows_wanted(context) == 0u) return NULL;
  return context->arena + @row_address@;
}

@name@_status @name@_row_done(@name@_context *context) {
  if (context == NULL || context->arena == NULL) return @NAME@_ERROR_NULL;
  if (context->input_rows == @NAME@_INPUT_ROWS) return @NAME@_ERROR_ROWS;
  context->input_rows++;
@row@  return @NAME@_OK;
}

@name@_status @name@_push_rows(@name@_context *context, const void *rows, size_t n) {
  const int8_t *row = (const int8_t *)rows;
  if (context == NULL || context->arena == NULL || rows == NULL) return @NAME@_ERROR_NULL;
  if (n > @name@_rows_wanted(context)) return @NAME@_ERROR_ROWS;
  for (; n != 0u; n--) {
    (void)memcpy(@name@_next_row(context), row, @NAME@_INPUT_ROW_BYTES);
    (void)@name@_row_done(context);
    row += @NAME@_INPUT_ROW_BYTES;
  }
  return @NAME@_OK;
}
