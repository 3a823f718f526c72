"""The examples' data and traffic; no other part of the library knows them."""
