"""Which features moved an answer, and how far: Shapley values of what serves.

``coalitions`` says which features take a row's own values together, ``shapley`` asks the model and divides its answer,
``background`` chooses the rows that an answer is compared with, and ``reasons`` picks the features to name.
"""
