namespace Serving.Templates;

/// <summary>
/// Limits the text that one execution produces. Escaping can double a text, so a pipeline of a few dozen functions could otherwise exhaust
/// the memory.
/// </summary>
internal sealed class Allowance
{
    private const int Most = 4 * 1024 * 1024;

    private int _left = Most;

    /// <summary>Consumes a number of characters; false when the limit is exceeded.</summary>
    public bool Take(int characters)
    {
        if (characters > _left)
            return false;
        _left -= characters;
        return true;
    }
}
