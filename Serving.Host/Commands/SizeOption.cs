using System.CommandLine;
using Serving.Api.Core;

namespace Serving.Host.Commands;

/// <summary>Options for a number of bytes, in Kubernetes' quantity format.</summary>
internal static class SizeOption
{
    /// <summary>An option that must be a size; the error names the option.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What the size limits.</param>
    /// <param name="value">The default.</param>
    /// <param name="least">The minimum.</param>
    public static Option<string> Create(string name, string description, string value, string least)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && Problem(name, token.Value, least, value) is { } problem)
            {
                result.AddError(problem);
            }
        });
        return option;
    }

    /// <summary>The error for an invalid size; null when valid.</summary>
    public static string? Problem(string setting, string size, string least, string example) =>
        new Quantity(size).TryGetAmount(out var amount) && amount >= Bytes(least) && amount <= long.MaxValue
            ? null
            : $"{setting}: '{size}' is not a size of at least {least}, such as {example}.";

    /// <summary>The bytes of a valid size.</summary>
    public static long Bytes(string size) =>
        new Quantity(size).TryGetAmount(out var amount) ? (long)amount : throw new FormatException($"'{size}' is not a size");
}
