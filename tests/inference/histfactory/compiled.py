"""Functions of models, compiled in a hurry: every workspace is a program of its own, and runs once or twice."""

import equinox as eqx
import jax


def compiled(function):
    """The function of modules and arrays, compiled without LLVM's optimisations."""

    def called(parts, rest):
        return function(*eqx.combine(parts, rest[0]))

    def call(*arguments):
        parts, rest = eqx.partition(arguments, eqx.is_array)
        run = jax.jit(lambda parts: called(parts, (rest,)), compiler_options={"xla_backend_optimization_level": 0})
        return run(parts)

    return call
