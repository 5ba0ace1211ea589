namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>The idle connections to one destination. The most recently used is taken first, so that surplus ones age out.</summary>
/// <param name="most">Maximum number of idle connections.</param>
internal sealed class Http1Pool(int most)
{
    private readonly Lock _lock = new();
    private readonly List<Http1Connection> _idle = [];
    private bool _retired;

    /// <summary>Takes an open idle connection, or null.</summary>
    public Http1Connection? Take()
    {
        while (true)
        {
            Http1Connection connection;
            lock (_lock)
            {
                if (_idle.Count == 0)
                    return null;
                connection = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
            }

            if (connection.IsUsable())
                return connection;
            connection.Dispose();
        }
    }

    /// <summary>Returns a connection to the pool; false when the pool is full or retired.</summary>
    public bool TryKeep(Http1Connection connection)
    {
        lock (_lock)
        {
            if (_retired || _idle.Count >= most)
                return false;
            _idle.Add(connection);
            return true;
        }
    }

    /// <summary>Closes connections idle since before <paramref name="oldest"/>. A pool that is then empty is retired.</summary>
    /// <returns>Whether the pool is retired.</returns>
    public bool Sweep(long oldest)
    {
        var old = 0;
        Http1Connection[] closing;
        lock (_lock)
        {
            while (old < _idle.Count && _idle[old].IdleSince <= oldest)
                old++;
            closing = [.. _idle.Take(old)];
            _idle.RemoveRange(0, old);
            _retired = _idle.Count == 0;
        }

        foreach (var connection in closing)
            connection.Dispose();
        return _retired;
    }
}
