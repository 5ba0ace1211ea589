using System.CommandLine;

namespace Serving.Host.Commands;

/// <summary>Options for ports.</summary>
internal static class PortOption
{
    /// <summary>An option that must be a port; the error names the option.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What listens there.</param>
    /// <param name="value">The default.</param>
    /// <param name="mayBeNone">Whether 0 is allowed, for none.</param>
    public static Option<int> Create(string name, string description, int value, bool mayBeNone = false)
    {
        var least = mayBeNone ? 0 : 1;
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var port) || port < least || port > 65535))
            {
                result.AddError($"{name}: '{token.Value}' is not a port, {least} to 65535.");
            }
        });
        return option;
    }
}
