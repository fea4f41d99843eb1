"""What is made of measured numbers."""
import statistics


def percentile(values, p):
    """By the nearest-rank method; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -(-len(ordered) * p // 100) - 1))] if ordered else 0


def medians(rounds):
    """Of each key by itself."""
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def fit(rows, ys):
    """Least squares of y = a + b x + c z + ...: ([a, b, c, ...], R squared). `rows` holds (x, z, ...)."""
    rows = [(1.0, *row) for row in rows]
    size = len(rows[0])
    table = [[sum(r[i] * r[j] for r in rows) for j in range(size)] + [sum(r[i] * y for r, y in zip(rows, ys))] for i in range(size)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda k: abs(table[k][i]))
        table[i], table[pivot] = table[pivot], table[i]
        for k in range(size):
            if k != i:
                factor = table[k][i] / table[i][i]
                table[k] = [a - factor * b for a, b in zip(table[k], table[i])]
    found = [table[i][size] / table[i][i] for i in range(size)]
    mean = statistics.mean(ys)
    wrong = sum((y - sum(f * x for f, x in zip(found, r))) ** 2 for r, y in zip(rows, ys))
    total = sum((y - mean) ** 2 for y in ys)
    return found, 1 - wrong / total if total else 1.0
