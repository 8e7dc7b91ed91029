/* Where input i is to be written before @name@_invoke, which may overwrite it; NULL if there is no such input. */
void *@name@_input(@name@_context *context, size_t i);
size_t @name@_input_bytes(size_t i);

/* Runs the network. */
@name@_status @name@_invoke(@name@_context *context);
