namespace Serving.Networking.Gateway.Proxying;

/// <summary>
/// Detects path traversal. Routes are matched against the path normalized by the server, but the raw path is forwarded; with a dot segment
/// the two could select different routes.
/// </summary>
internal static class RequestPath
{
    /// <summary>Whether the path of a raw request target contains a <c>..</c> segment, in any encoding.</summary>
    public static bool Climbs(ReadOnlySpan<char> target)
    {
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        if (!path.Contains("..", StringComparison.Ordinal) && !path.Contains("%2e", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var segment = 0;
        var dots = 0;
        for (var i = 0; i < path.Length; i++)
        {
            var c = path[i];
            if (c == '%' && i + 2 < path.Length)
            {
                c = (path[i + 1], path[i + 2]) switch
                {
                    ('2', 'e' or 'E') => '.',
                    ('2', 'f' or 'F') => '/',
                    ('5', 'c' or 'C') => '\\',
                    _ => '%',
                };
                i += c == '%' ? 0 : 2;
            }

            if (c is '/' or '\\')
            {
                if (segment == 2 && dots == 2)
                {
                    return true;
                }

                segment = dots = 0;
                continue;
            }

            segment++;
            dots += c == '.' ? 1 : 0;
        }

        return segment == 2 && dots == 2;
    }
}
