namespace Serving.Templates;

/// <summary>
/// How much text one execution may still make. Escaping can double a text, so a pipeline of a few dozen functions could otherwise
/// ask for more memory than there is.
/// </summary>
internal sealed class Allowance
{
    private const int Most = 4 * 1024 * 1024;

    private int left = Most;

    /// <summary>Counts so many characters; false when they are too many.</summary>
    public bool Take(int characters)
    {
        if (characters > left) return false;
        left -= characters;
        return true;
    }
}
