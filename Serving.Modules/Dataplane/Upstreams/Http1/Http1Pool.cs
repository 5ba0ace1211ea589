namespace Serving.Dataplane.Http1;

/// <summary>The idle connections to one destination, the last used first, so that the others can grow old.</summary>
/// <param name="most">Connections that are kept.</param>
internal sealed class Http1Pool(int most)
{
    private readonly Lock _lock = new();
    private readonly List<Http1Connection> _idle = [];
    private bool _retired;

    /// <summary>An idle connection that is open, or null.</summary>
    public Http1Connection? Take()
    {
        while (true)
        {
            Http1Connection connection;
            lock (_lock)
            {
                if (_idle.Count == 0) return null;
                connection = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
            }

            if (connection.IsUsable()) return connection;
            connection.Dispose();
        }
    }

    /// <summary>Keeps a connection for later; false when this pool is full or out of use.</summary>
    public bool TryKeep(Http1Connection connection)
    {
        lock (_lock)
        {
            if (_retired || _idle.Count >= most) return false;
            _idle.Add(connection);
            return true;
        }
    }

    /// <summary>Closes those idle since before <paramref name="oldest"/>. A pool that then has none is out of use for good.</summary>
    /// <returns>Whether it is.</returns>
    public bool Sweep(long oldest)
    {
        var old = 0;
        Http1Connection[] closing;
        lock (_lock)
        {
            while (old < _idle.Count && _idle[old].IdleSince <= oldest) old++;
            closing = [.. _idle.Take(old)];
            _idle.RemoveRange(0, old);
            _retired = _idle.Count == 0;
        }

        foreach (var connection in closing) connection.Dispose();
        return _retired;
    }
}
