/* The image comes row by row, from the top down, and is never all in memory: what a row makes possible is computed
 * before the next one is taken. n dense rows of @NAME@_INPUT_ROW_BYTES bytes each are copied from `rows`.
 * @NAME@_ERROR_ROWS: the image has fewer rows left; none is taken. A core with a data cache must have invalidated it
 * for what DMA wrote to `rows`. */
@name@_status @name@_push_rows(@name@_context *context, const void *rows, size_t n);

/* The same for one row without a copy: write it where @name@_next_row says (NULL: the image is complete), then call
 * @name@_row_done. The place changes from row to row. */
void *@name@_next_row(@name@_context *context);
@name@_status @name@_row_done(@name@_context *context);

/* Rows of the image that are missing, and the way to forget those that are there: the next row begins a new image. */
size_t @name@_rows_wanted(const @name@_context *context);
@name@_status @name@_restart(@name@_context *context);

/* The whole image. */
size_t @name@_input_bytes(size_t i);

/* Finishes the network once all rows are there; else @NAME@_ERROR_ROWS, and rows may still follow. The next row then
 * begins a new image. */
@name@_status @name@_invoke(@name@_context *context);
