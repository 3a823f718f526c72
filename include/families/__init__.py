"""Model families, one module each; ``discovery`` finds every module that holds a ``FAMILY``.

A new family is a module here with a :class:`include.families.family.Family`, and its parameters under
``training.parameters`` in the settings.
"""

# The settings hold each family's parameters and families are made of settings: whichever is imported first, the
# settings are complete before a family's module is asked for.
import include.settings.section  # noqa: F401
