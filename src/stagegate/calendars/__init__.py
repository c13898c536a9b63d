def names():
    return ()


def builtin(i):
    raise KeyError(i)
